//! Random WfSpecs, in the words of the scripts: sequences, branches, loops, child threads, child runs, events, user tasks,
//! interrupts, retries, handlers.

use super::random::Random;

/// Which other threads a thread may name.
#[derive(Clone, Copy)]
struct Threads {
    children: &'static [&'static str],
    handlers: &'static [&'static str],
}

/// Two WfSpecs as lines of a script: `leaf`, and `tree`, which may run `leaf` as a child.
pub fn lines(random: &mut Random) -> Vec<String> {
    let leaf = spec(random, "leaf", false);
    let tree = spec(random, "tree", true);
    vec![leaf, tree]
}

fn spec(random: &mut Random, name: &str, has_child_runs: bool) -> String {
    let own = if name == "leaf" && random.one_in(2) { "^n:INT" } else { "+n:INT=int:1" };
    let interrupt = if random.one_in(3) { " ~interrupt=stop>interrupts" } else { "" };
    let retention = if random.one_in(5) { " ~retention=2" } else { "" };
    let all = Threads { children: &["one", "two"], handlers: &["handler"] };
    let entrypoint = body(random, all, has_child_runs);
    let one = body(random, Threads { children: &["two"], handlers: &["handler"] }, has_child_runs);
    let two = body(random, Threads { children: &[], handlers: &["handler"] }, false);
    let quiet = Threads { children: &[], handlers: &[] };
    let handler = body(random, Threads { children: &["two"], handlers: &[] }, false);
    let interrupts = body(random, quiet, false);
    let keep = if random.one_in(3) { "~keep=0 " } else { "" };
    let one_interrupt = if random.one_in(3) { "~interrupt=stop>interrupts " } else { "" };
    format!(
        "spec {name} {own} flag:BOOL=bool:false l:JSON_ARR=json:[1,2]{interrupt}{retention} : {entrypoint} | one \
         {one_interrupt}INPUT:INT : {one} | two {keep}INPUT:INT : {two} | handler INPUT:INT : {handler} | interrupts \
         INPUT:INT : {interrupts}"
    )
}

fn body(random: &mut Random, threads: Threads, has_child_runs: bool) -> String {
    let mut nodes: Vec<String> = Vec::new();
    for _ in 0..random.below(5) {
        statement(random, threads, has_child_runs, &mut nodes);
    }
    let exit = match random.below(6) {
        0 => "exit fail=bad",
        1 => "exit return=$n",
        _ => "exit",
    };
    nodes.push(exit.to_owned());
    let names: Vec<String> = nodes.iter().enumerate().map(|(at, text)| format!("{}-{}", at + 1, word(text))).collect();
    let last = nodes.len() - 1;
    for (at, text) in nodes.iter_mut().enumerate().take(last) {
        decorate(random, threads, &names, at, text);
    }
    nodes.join(" -> ")
}

fn word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// One or two nodes.
fn statement(random: &mut Random, threads: Threads, has_child_runs: bool, nodes: &mut Vec<String>) {
    let place = nodes.len() + 1;
    match random.below(if has_child_runs { 13 } else { 12 }) {
        0 | 1 => nodes.push(task(random)),
        2 => nodes.push("task other in=$n".to_owned()),
        3 => nodes.push(random.pick(&["nop", "sleep int:1", "sleep int:0", "sleep_at $n"]).to_string()),
        4 => nodes.push(random.pick(&["event paid", "event paid timeout=int:1", "event brief"]).to_string()),
        5 => nodes.push(user_task(random)),
        6 => nodes.push("throw told $n".to_owned()),
        7 if random.one_in(2) => nodes.push("until $flag EQUALS bool:true".to_owned()),
        8 | 9 if !threads.children.is_empty() => {
            nodes.push(format!("start {} INPUT=$n", random.pick(threads.children)));
            if random.one_in(2) {
                nodes.push(format!("start {} INPUT=int:3", random.pick(threads.children)));
                nodes.push(wait(random, threads, &format!("@{place}-start @{}-start", place + 1)));
            } else if random.one_in(2) {
                nodes.push(wait(random, threads, &format!("@{place}-start")));
            }
        }
        10 if !threads.children.is_empty() => {
            nodes.push(format!("start_many {} over=$l", random.pick(threads.children)));
            nodes.push(wait(random, threads, &format!("list=@{place}-start_many")));
        }
        11 => nodes.push(format!("nop set=flag:bool:{}", random.one_in(2))),
        12 => {
            let id = random.pick(&["", " id=str:second"]);
            nodes.push(format!("run_child leaf{id}"));
            if random.one_in(2) {
                nodes.push(format!("wait_child @{place}-run_child"));
            }
        }
        _ => nodes.push("task work".to_owned()),
    }
}

fn task(random: &mut Random) -> String {
    let retries = random.pick(&["", " retries=1", " retries=2 backoff=50,2,400"]);
    let timeout = random.pick(&["", " timeout=1"]);
    format!("task work{retries}{timeout}")
}

fn user_task(random: &mut Random) -> String {
    let owner = random.pick(&["user=str:ada", "group=str:g", "user=str:ada group=str:g"]);
    let name = random.pick(&["", " cancel_as=str:denied", " cancel_as=$flag"]);
    let trigger = random.pick(&[
        "",
        " arrival=int:1/task,work",
        " arrival=int:1/cancel",
        " assigned=int:1/reassign,group=str:g",
        " assigned=int:0/task,other,$n arrival=int:1/reassign,user=str:bob",
    ]);
    format!("user form {owner}{name}{trigger}")
}

fn wait(random: &mut Random, threads: Threads, awaited: &str) -> String {
    let strategy = random.pick(&["", " strategy=FIRST", " strategy=ANY"]);
    let each = if random.one_in(4) { handlers(random, threads, "each") } else { String::new() };
    format!("wait {awaited}{strategy}{each}")
}

/// Handlers, mutations and branches of a node that is not the last.
fn decorate(random: &mut Random, threads: Threads, names: &[String], at: usize, text: &mut String) {
    if random.one_in(3) {
        text.push_str(&handlers(random, threads, "on"));
    }
    match random.below(8) {
        0 => text.push_str(" add=n:int:1"),
        1 => text.push_str(" set=n:int:2"),
        2 => text.push_str(&format!(" set=flag:bool:{}", random.one_in(2))),
        3 if word(text) == "event" => text.push_str(&format!(" set=n:@{}", names[at])),
        _ => {}
    }
    if random.one_in(7) {
        // Forwards a branch, backwards a loop.
        text.push_str(&format!(" also=$flag>{}", random.pick(names)));
    }
}

fn handlers(random: &mut Random, threads: Threads, key: &str) -> String {
    if threads.handlers.is_empty() {
        return String::new();
    }
    let failure = random.pick(&["any", "error", "exception", "bad", "TIMEOUT", "TASK_ERROR", "USER_TASK_CANCELLED"]);
    format!(" {key}={failure}>{}", random.pick(threads.handlers))
}
