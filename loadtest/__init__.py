"""Load through Locust, with a web page of live figures: `make load-web`. The README beside this file says how."""
