"""`lh`: reads the command line, carries the command out, prints the answer."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

import grpc

from littlehorse.cli import (
    about,
    control,
    deploy,
    describe,
    doctor,
    get,
    listing,
    post,
    run,
    search,
    server,
    user_task,
)
from littlehorse.cli.connection import Connection, Settings
from littlehorse.cli.errors import CliError, explain
from littlehorse.cli.output import Answer, print_answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 failed, 2 wrong command line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["server"]:
        return server.main(given[1:])
    if given[:1] == ["doctor"]:
        return doctor.main(given[1:])
    parsed = build_parser().parse_args(given)
    # The SDK warns about things that are as they should be on a command line, such as a plain-text connection.
    logging.basicConfig(level=logging.ERROR, format="lh: %(message)s")
    try:
        settings = Settings.read()
        with Connection(settings) as connection:
            answer: Answer = parsed.carry_out(connection, parsed)
        print_answer(answer, parsed.output)
    except CliError as error:
        print(f"lh: {error}", file=sys.stderr)
        return error.exit_code
    except grpc.RpcError as error:
        print(f"lh: {explain(error, settings.address)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (e.g. `lh list ... | head`); that is not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return answer.exit_code


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="lh",
        description="Run and watch workflows.",
        epilog="The server is looked for at LHC_API_HOST:LHC_API_PORT (default localhost:2023).",
    )
    output = argparse.ArgumentParser(add_help=False)
    output.add_argument("--output", "-o", choices=["table", "json"], default="table", help="form of what is printed")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("server", help="start a server: lh server start", add_help=False)
    commands.add_parser("doctor", help="verify the files of a stopped server: lh doctor DIR", add_help=False)

    run_parser = commands.add_parser("run", parents=[output], help="start a WfRun")
    run.add_arguments(run_parser)
    run_parser.set_defaults(carry_out=run.run)
    get.add_arguments(commands.add_parser("get", help="show one object"), output)
    listing.add_arguments(commands.add_parser("list", help="list what belongs to a WfRun"), output)
    describe.add_arguments(commands.add_parser("describe", help="tell all that happened in a WfRun"), output)
    search.add_arguments(commands.add_parser("search", help="find objects"), output)
    post.add_arguments(commands.add_parser("post", help="send an event"), output)
    for name, carry_out, text in (
        ("stop", control.stop, "halt a WfRun, or a thread of it with its children"),
        ("resume", control.resume, "let a WfRun that was stopped go on"),
        ("rescue", control.rescue, "run the failed node of a thread again, or go on after it"),
    ):
        thread_parser = commands.add_parser(name, parents=[output], help=text)
        declare = control.add_rescue_arguments if name == "rescue" else control.add_thread_arguments
        declare(thread_parser)
        thread_parser.set_defaults(carry_out=carry_out)
    control.add_delete_arguments(commands.add_parser("delete", help="remove a finished WfRun"), output)
    user_task.add_arguments(commands.add_parser("user-task", help="assign, claim, fill in and hand in work"), output)
    deploy_parser = commands.add_parser("deploy", parents=[output], help="register workflows and tasks of a file")
    deploy.add_arguments(deploy_parser)
    deploy_parser.set_defaults(carry_out=deploy.deploy)
    commands.add_parser("version", parents=[output], help="versions of this program and of the server").set_defaults(
        carry_out=about.show_version
    )
    commands.add_parser("whoami", parents=[output], help="as whom the server knows you").set_defaults(
        carry_out=about.whoami
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
