//! The checker finds what it claims to find: histories of one run, sound and tampered with (reliability I1 to I4, I7,
//! I8, I10, I11, I13, I15, I18).
#![allow(missing_docs, clippy::unwrap_used)]

use lh_sim::{checker, history};

/// A run of a loop-free spec with a task that is tried twice, a sleep, an event and a user task, stopped in between.
const SOUND: &str = r#"
{"wall_ms":1000,"event":"define","call":1,"spec":"all","once":true}
{"wall_ms":1001,"event":"answered","call":1,"outcome":"ok"}
{"wall_ms":1002,"event":"start","call":2,"run":"r","spec":"all","batch":"b"}
{"wall_ms":1004,"event":"answered","call":2,"outcome":"ok"}
{"wall_ms":1005,"event":"found","batch":"b","asked":4,"runs":["r"]}
{"wall_ms":1006,"event":"delivered","worker":"w-1","task":"r/t","attempt":0}
{"wall_ms":1010,"event":"report","call":3,"task":"r/t","attempt":0,"status":"TASK_FAILED","token":"no"}
{"wall_ms":1014,"event":"answered","call":3,"outcome":"ok"}
{"wall_ms":1020,"event":"operate","call":4,"run":"r","thread":0,"action":"stop"}
{"wall_ms":1022,"event":"answered","call":4,"outcome":"ok"}
{"wall_ms":1023,"event":"seen","run":"r","asked":10,"view":{"status":"HALTED","threads":[{"status":"HALTED"}],"nodes":[{"thread":0,"position":0,"node":"task","status":"HALTED","arrival_ms":1003,"end_ms":null,"matures_ms":null,"task":"r/t"}],"tasks":[{"task":"r/t","status":"TASK_PENDING","timeout_ms":9000,"total_attempts":3,"backoff_ms":100,"attempts":[{"status":"TASK_FAILED","worker":"w-1","schedule_ms":1003,"start_ms":1005,"end_ms":1012,"token":"no"},{"status":"TASK_PENDING","worker":"","schedule_ms":null,"start_ms":null,"end_ms":null,"token":null}]}],"events":[],"trail":[]}}
{"wall_ms":1030,"event":"operate","call":5,"run":"r","thread":0,"action":"resume"}
{"wall_ms":1032,"event":"answered","call":5,"outcome":"ok"}
{"wall_ms":1040,"event":"ended","how":"killed"}
{"wall_ms":1100,"event":"serving"}
{"wall_ms":1114,"event":"delivered","worker":"w-2","task":"r/t","attempt":1}
{"wall_ms":1116,"event":"report","call":6,"task":"r/t","attempt":1,"status":"TASK_SUCCESS","token":"yes"}
{"wall_ms":1120,"event":"answered","call":6,"outcome":"unknown"}
{"wall_ms":1130,"event":"report","call":7,"task":"r/t","attempt":1,"status":"TASK_SUCCESS","token":"yes"}
{"wall_ms":1132,"event":"answered","call":7,"outcome":"ok"}
{"wall_ms":1140,"event":"post","call":8,"run":"r","id":"paid/e","token":"event"}
{"wall_ms":1142,"event":"answered","call":8,"outcome":"ok"}
{"wall_ms":2200,"event":"handle","call":9,"task":"r/u","action":"complete","token":"person"}
{"wall_ms":2204,"event":"answered","call":9,"outcome":"ok"}
{"wall_ms":2205,"event":"calm"}
{"wall_ms":2210,"event":"seen","run":"r","asked":25,"view":{"status":"COMPLETED","is_whole":true,"threads":[{"status":"COMPLETED"}],"nodes":[{"thread":0,"position":0,"node":"task","status":"COMPLETED","arrival_ms":1003,"end_ms":1118,"matures_ms":null,"task":"r/t"},{"thread":0,"position":1,"node":"sleep","status":"COMPLETED","arrival_ms":1118,"end_ms":2118,"matures_ms":2118,"task":null},{"thread":0,"position":2,"node":"event","status":"COMPLETED","arrival_ms":2118,"end_ms":2118,"matures_ms":null,"task":null,"event":"paid/e","awaits":"paid"},{"thread":0,"position":3,"node":"person","status":"COMPLETED","arrival_ms":2118,"end_ms":2202,"matures_ms":null,"task":"r/u"}],"tasks":[{"task":"r/t","status":"TASK_SUCCESS","timeout_ms":9000,"total_attempts":3,"backoff_ms":100,"attempts":[{"status":"TASK_FAILED","worker":"w-1","schedule_ms":1003,"start_ms":1005,"end_ms":1012,"token":"no"},{"status":"TASK_SUCCESS","worker":"w-2","schedule_ms":1112,"start_ms":1113,"end_ms":1118,"token":"yes"}]}],"events":[{"id":"paid/e","token":"event","claimed":true,"thread":0,"position":2}],"user_tasks":[{"task":"r/u","status":"DONE","token":"person"}],"trail":["yes","event","person"]}}
{"wall_ms":2211,"event":"over"}
"#;

/// Rules that are violated once every `from` has become `to`; `from` must be there.
fn violated(changes: &[(&str, &str)]) -> Vec<&'static str> {
    let text = changes.iter().fold(SOUND.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "nothing to change: {from}");
        text.replace(from, to)
    });
    let lines = history::read_json_lines(text.as_bytes()).unwrap();
    let mut rules: Vec<&str> = checker::check(&lines).into_iter().map(|violation| violation.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// The last look at the run, on a line of its own.
fn last_view() -> &'static str {
    SOUND.lines().rfind(|line| line.contains(r#""event":"seen""#)).unwrap()
}

/// What a second look behind the last one violates.
fn seen_again(changes: &[(&str, &str)]) -> Vec<&'static str> {
    seen_twice(last_view(), changes)
}

/// The same if the last look had seen `first`.
fn seen_twice(first: &str, changes: &[(&str, &str)]) -> Vec<&'static str> {
    let seen = SOUND.lines().filter(|line| !line.is_empty()).position(|line| line == last_view()).unwrap() + 1;
    let later = first.replace(r#""asked":25"#, &format!(r#""asked":{seen}"#));
    assert_ne!(later, first);
    let again = changes.iter().fold(later, |text, (from, to)| text.replace(from, to));
    violated(&[(last_view(), &format!("{first}\n{again}"))])
}

#[test]
fn a_sound_history_violates_nothing() {
    assert_eq!(violated(&[]), Vec::<&str>::new());
    assert_eq!(seen_again(&[]), Vec::<&str>::new());
    let lines = history::read_json_lines(SOUND.as_bytes()).unwrap();
    let coverage = checker::coverage(&lines);
    assert_eq!((coverage.acknowledged, coverage.unknown, coverage.delivered, coverage.ended), (8, 1, 2, 1));
}

/// What a history of real processes does not know is left out; what is spelled wrongly is not.
#[test]
fn what_nobody_looked_at_is_left_out() {
    assert_eq!(violated(&[(r#","events":[],"trail":[]"#, "")]), Vec::<&str>::new());
    let misspelt = SOUND.replace(r#""user_tasks""#, r#""userTasks""#);
    assert!(history::read_json_lines(misspelt.as_bytes()).is_err());
}

/// I1, I2, I3: acknowledged = there; refused = not there; the same id is new once.
#[test]
fn lost_and_doubled_starts_are_found() {
    let (view, _) = last_view().split_once(r#""view":"#).unwrap();
    assert_eq!(violated(&[(last_view(), &format!(r#"{view}"view":null}}"#))]), ["I1"], "an acknowledged run is lost");
    let started = r#"{"wall_ms":1004,"event":"answered","call":2,"outcome":"ok"}"#;
    assert_eq!(violated(&[(started, &started.replace("ok", "unknown"))]), Vec::<&str>::new(), "zero or once");
    assert_eq!(violated(&[(started, &started.replace("ok", "refused"))]), ["I18", "I2"]);
    let again = r#"{"wall_ms":1005,"event":"start","call":20,"run":"r","spec":"all","batch":"b"}"#;
    let twice = format!("{started}\n{again}\n{}", started.replace(r#":2,"#, r#":20,"#));
    assert!(violated(&[(started, &twice)]).contains(&"I3"));
    let defined = r#"{"wall_ms":1004,"event":"answered","call":2,"outcome":"not_found"}"#;
    assert!(violated(&[(started, defined)]).contains(&"I1"), "an acknowledged definition is lost");
}

/// I18: a search finds what was acknowledged before, once, and nothing else.
#[test]
fn wrong_searches_are_found() {
    let found = r#""runs":["r"]"#;
    for wrong in [r#""runs":[]"#, r#""runs":["r","r"]"#, r#""runs":["r","other"]"#] {
        assert_eq!(violated(&[(found, wrong)]), ["I18"], "{wrong}");
    }
}

/// I7: an attempt is delivered once, to the worker that it was claimed for.
#[test]
fn a_second_delivery_is_found() {
    let delivered = r#"{"wall_ms":1114,"event":"delivered","worker":"w-2","task":"r/t","attempt":1}"#;
    let twice = format!("{delivered}\n{}", delivered.replace("w-2", "w-3"));
    // The later one is also not whom it was claimed for.
    assert_eq!(violated(&[(delivered, &twice)]), ["I7"]);
    assert_eq!(violated(&[(delivered, &delivered.replace("w-2", "w-3"))]), ["I7"]);
    assert_eq!(violated(&[(delivered, &format!("{delivered}\n{delivered}"))]), ["I7"]);
}

/// I4: what was acknowledged counts, once.
#[test]
fn lost_and_doubled_effects_are_found() {
    let trail = r#""trail":["yes","event","person"]"#;
    assert_eq!(violated(&[(trail, r#""trail":["yes","yes","event","person"]"#)]), ["I4"]);
    assert_eq!(violated(&[(trail, r#""trail":["yes","event"]"#)]), ["I4"]);
    assert_eq!(
        violated(&[(r#""token":"yes"}]}],"events""#, r#""token":"made up"}]}],"events""#), trail_of("yes", "made up")]),
        ["I4"]
    );
    assert_eq!(
        violated(&[(r#""status":"DONE""#, r#""status":"ASSIGNED""#)]),
        ["I4"],
        "an acknowledged completion is lost"
    );
    let done = r#""status":"DONE","token":"person""#;
    assert_eq!(violated(&[(done, r#""status":"DONE","token":"who?""#), trail_of("person", "who?")]), ["I4"]);
}

/// The same trail with one token in place of another.
fn trail_of(from: &'static str, to: &str) -> (&'static str, &'static str) {
    let old = r#""trail":["yes","event","person"]"#;
    // Leaked: a few bytes of a test.
    (old, Box::leak(old.replace(from, to).into_boxed_str()))
}

/// I15: an event is there once, as it was sent, and one node takes it.
#[test]
fn lost_and_doubled_events_are_found() {
    let event = r#"{"id":"paid/e","token":"event","claimed":true,"thread":0,"position":2}"#;
    assert!(violated(&[(event, "")]).contains(&"I15"));
    assert_eq!(violated(&[(event, &format!("{event},{event}"))]), ["I15"]);
    assert_eq!(violated(&[(event, &event.replace("true", "false"))]), ["I15"]);
    let taken = r#""task":null,"event":"paid/e","awaits":"paid"}"#;
    assert_eq!(violated(&[(r#""task":null}"#, taken)]), ["I15", "I4"], "two nodes took it");
    let posted = r#""call":8,"outcome":"ok""#;
    assert_eq!(violated(&[(posted, &posted.replace("ok", "refused"))]), ["I15"]);
    assert_eq!(violated(&[(posted, &posted.replace("ok", "unknown"))]), Vec::<&str>::new());
    let post = SOUND.lines().find(|line| line.contains(r#""event":"post""#)).unwrap();
    let again = |outcome| {
        let call = post.replace(r#""call":8"#, r#""call":80"#);
        format!(r#"{call}{}{{"wall_ms":1140,"event":"answered","call":80,"outcome":"{outcome}"}}{}{post}"#, "\n", "\n")
    };
    assert_eq!(violated(&[(post, &again("ok"))]), ["I15"], "new twice");
    assert_eq!(violated(&[(post, &again("unknown"))]), Vec::<&str>::new());
}

/// I13: a stop that was acknowledged is obeyed until somebody resumes.
#[test]
fn a_stop_that_is_not_obeyed_is_found() {
    let halted = r#""status":"HALTED","threads":[{"status":"HALTED"}]"#;
    let running = r#""status":"RUNNING","threads":[{"status":"RUNNING"}]"#;
    assert_eq!(violated(&[(halted, running)]), ["I13"]);
    assert_eq!(
        violated(&[(halted, running), (r#""call":4,"outcome":"ok""#, r#""call":4,"outcome":"unknown""#)]),
        Vec::<&str>::new()
    );
}

/// I11: sleeps, backoffs and timeouts are never early, and take effect once.
#[test]
fn early_and_doubled_timers_are_found() {
    assert_eq!(violated(&[(r#""end_ms":2118,"matures_ms":2118"#, r#""end_ms":2117,"matures_ms":2118"#)]), ["I11"]);
    assert_eq!(
        violated(&[(r#""matures_ms":2118"#, r#""matures_ms":3000"#), (r#""end_ms":2118,"#, r#""end_ms":3001,"#)]),
        ["I11", "I13"]
    );
    assert_eq!(violated(&[(r#""schedule_ms":1112"#, r#""schedule_ms":1111"#)]), ["I11"], "retried before its backoff");
    let early = (
        r#"{"status":"TASK_FAILED","worker":"w-1","schedule_ms":1003,"start_ms":1005,"end_ms":1012,"token":"no"},{"status":"TASK_SUCCESS""#,
        r#"{"status":"TASK_TIMEOUT","worker":"w-1","schedule_ms":1003,"start_ms":1005,"end_ms":1012,"token":null},{"status":"TASK_SUCCESS""#,
    );
    assert!(violated(&[early]).contains(&"I11"), "timed out early");
    let sleep = r#"{"thread":0,"position":2,"node":"event""#;
    assert_eq!(violated(&[(sleep, r#"{"thread":0,"position":2,"node":"sleep""#)]), ["I11"], "a sleep went on twice");
}

/// I13: statuses move along the allowed edges, what is final stays.
#[test]
fn forbidden_edges_are_found() {
    assert_eq!(
        seen_again(&[(r#""status":"COMPLETED","is_whole""#, r#""status":"RUNNING","is_whole""#)]),
        ["I10", "I13"]
    );
    let (over, runs) = (r#""threads":[{"status":"COMPLETED"}]"#, r#""threads":[{"status":"RUNNING"}]"#);
    assert_eq!(seen_again(&[(over, runs)]), ["I13"]);
    assert_eq!(seen_again(&[(r#""trail":["yes","event","person"]"#, r#""trail":["person","yes","event"]"#)]), ["I13"]);
    assert_eq!(seen_again(&[(r#""status":"DONE""#, r#""status":"CANCELLED""#)]), ["I13"]);
    assert_eq!(
        seen_again(&[(r#""task":"r/t","status":"TASK_SUCCESS""#, r#""task":"r/t","status":"TASK_RUNNING""#)]),
        ["I13"]
    );
    let halted = r#""status":"HALTED","threads":[{"status":"HALTED"}]"#;
    assert_eq!(violated(&[(halted, &halted.replace("HALTED", "HALTING"))]), ["I13"], "E-222");
}

/// 03/E-703: what is left of a halted thread is resumed in vain.
#[test]
fn a_thread_of_a_run_that_is_over_may_be_resumed() {
    let over = r#""threads":[{"status":"COMPLETED"}"#;
    let stopped = r#"{"number":1,"status":"HALTED","is_stopped":true}"#;
    let first = last_view().replace(over, &format!("{over},{stopped}"));
    let resumed = stopped.replace("true", "false");
    assert_eq!(seen_twice(&first, &[(stopped, &resumed)]), Vec::<&str>::new());
    let trail = (r#""trail":["yes","event","person"]"#, r#""trail":["person","yes","event"]"#);
    assert_eq!(seen_twice(&first, &[trail]), ["I13"], "and moves nothing");
}

/// I8, I10: in the end everything has ended.
#[test]
fn what_never_ends_is_found() {
    let ended = r#""status":"COMPLETED","is_whole":true,"threads":[{"status":"COMPLETED"}]"#;
    assert!(violated(&[(ended, &ended.replace("COMPLETED", "RUNNING").replace("true", "false"))]).contains(&"I10"));
}
