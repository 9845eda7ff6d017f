//! The one owner of the store's key layout; Python gets it through the extension, so there are never two tables to keep equal.
//!
//! A key is a table byte, then components. Text components are escaped and terminated so that keys sort like their
//! component lists; numbers are big-endian. Everything a tree owns is contiguous under [`tree_prefix`].
//!
//! | table | components | value |
//! |---|---|---|
//! | `T` | tenant, root id, child ids..., kind byte, rest | run record (`0x02`; with `event def/key` as root id that of a correlation key), spilled node record (`0x03`, thread u32, position u32), checkpoint (`0x04`, task guid, number u32), spilled WorkflowEvent (`0x05`, definition, number u32) |
//! | `I` | tenant, what byte, text components, time u64, id | `IndexEntry` |
//! | `Q` | tenant, TaskDef, sequence u64 | `QueueEntry` |
//! | `W` | due u64, tenant, ids root to leaf | empty |
//! | `D` | meta key; for a hidden WfSpec `0xFF`, uid u64 | definition as run shards keep it |
//! | `M` | meta key | `MetaEntry` (metadata group only) |
//! | `O` | target u32, sequence u64 | `OutboxEntry` |
//! | `G` | tenant, TaskDef | `TaskWorkerGroupRecord` |
//! | `S` | (none) | `AppliedRecord` |

use crate::pb;

/// Records owned by a tree of WfRuns.
pub const TABLE_TREE: u8 = b'T';
/// Index entries for searches.
pub const TABLE_INDEX: u8 = b'I';
/// Queued task attempts.
pub const TABLE_QUEUE: u8 = b'Q';
/// Wake-up entries (timers).
pub const TABLE_WAKE: u8 = b'W';
/// Definitions as run shards keep them.
pub const TABLE_DEFINITION: u8 = b'D';
/// Metadata entries of the metadata group.
pub const TABLE_META: u8 = b'M';
/// Undelivered messages to other shards.
pub const TABLE_OUTBOX: u8 = b'O';
/// Task worker groups.
pub const TABLE_WORKER_GROUP: u8 = b'G';
/// Where the shard stands.
pub const TABLE_APPLIED: u8 = b'S';

/// Tables whose every entry is held in memory: loaded with [`crate::State::load`] when the shard opens.
pub const RESIDENT_TABLES: [u8; 7] =
    [TABLE_APPLIED, TABLE_DEFINITION, TABLE_META, TABLE_OUTBOX, TABLE_QUEUE, TABLE_WAKE, TABLE_WORKER_GROUP];

/// First byte of every stored value: the format version.
pub const FORMAT: u8 = 1;

/// First byte (after the table) of the keys of hidden WfSpecs; no meta kind has it.
pub const HIDDEN: u8 = 0xFF;

const KIND_RUN: u8 = 0x02;
const KIND_NODE: u8 = 0x03;
const KIND_CHECKPOINT: u8 = 0x04;
const KIND_THROWN: u8 = 0x05;

/// Room that a new key gets: tenant, an id of 32 digits, a name and some numbers.
const KEY_BYTES_USUAL: usize = 96;

/// Number of hash slots; a shard owns a set of them.
pub const SLOTS: u32 = 1024;

/// Appends a text component: `0x00` becomes `0x00 0xFF`, the end is `0x00 0x01`, so that order is kept.
pub fn push_text(key: &mut Vec<u8>, text: &str) {
    for (number, part) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
        if number > 0 {
            key.extend_from_slice(&[0x00, 0xFF]);
        }
        key.extend_from_slice(part);
    }
    key.extend_from_slice(&[0x00, 0x01]);
}

/// Reads a component written by [`push_text`]; returns it and the rest of the key.
pub fn take_text(key: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::new();
    let mut at = 0;
    loop {
        match (*key.get(at)?, key.get(at + 1)) {
            (0, Some(0x01)) => return Some((String::from_utf8(text).ok()?, &key[at + 2..])),
            (0, Some(0xFF)) => {
                text.push(0);
                at += 2;
            }
            (0, _) => return None,
            (byte, _) => {
                text.push(byte);
                at += 1;
            }
        }
    }
}

/// Ids of a WfRun from root to leaf.
pub fn path(id: &pb::WfRunId) -> Vec<&str> {
    let mut ids = vec![id.id.as_str()];
    let mut at = id;
    while let Some(parent) = &at.parent_wf_run_id {
        ids.push(parent.id.as_str());
        at = parent;
    }
    ids.reverse();
    ids
}

/// The id of the root WfRun: what the slot is computed from.
pub fn root_id(id: &pb::WfRunId) -> &str {
    let mut at = id;
    while let Some(parent) = &at.parent_wf_run_id {
        at = parent;
    }
    &at.id
}

fn push_path(key: &mut Vec<u8>, id: &pb::WfRunId) {
    if let Some(parent) = &id.parent_wf_run_id {
        push_path(key, parent);
    }
    push_text(key, &id.id);
}

/// A key that most keys of its kind fit into without growing.
fn start(table: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY_BYTES_USUAL);
    key.push(table);
    key
}

/// Prefix of everything that the trees of a tenant own.
pub fn trees_prefix(tenant: &str) -> Vec<u8> {
    let mut key = start(TABLE_TREE);
    push_text(&mut key, tenant);
    key
}

/// Prefix of everything that the tree with this root owns.
pub fn tree_prefix(tenant: &str, root: &str) -> Vec<u8> {
    let mut key = trees_prefix(tenant);
    push_text(&mut key, root);
    key
}

/// Key of the record of a WfRun.
pub fn run(tenant: &str, id: &pb::WfRunId) -> Vec<u8> {
    let mut key = start(TABLE_TREE);
    push_text(&mut key, tenant);
    push_path(&mut key, id);
    key.push(KIND_RUN);
    key
}

/// Key of the record of the WfRun with this id right below the one with this key.
pub fn child(run: &[u8], id: &str) -> Vec<u8> {
    let mut key = run[..run.len() - 1].to_vec();
    push_text(&mut key, id);
    key.push(KIND_RUN);
    key
}

/// Key of a NodeRun that has a record of its own.
pub fn node(tenant: &str, id: &pb::WfRunId, thread: i32, position: i32) -> Vec<u8> {
    let mut key = run(tenant, id);
    key.pop();
    key.push(KIND_NODE);
    key.extend_from_slice(&(thread as u32).to_be_bytes());
    key.extend_from_slice(&(position as u32).to_be_bytes());
    key
}

/// Key of a checkpoint of a TaskRun.
pub fn checkpoint(tenant: &str, id: &pb::WfRunId, task_guid: &str, number: i32) -> Vec<u8> {
    let mut key = run(tenant, id);
    key.pop();
    key.push(KIND_CHECKPOINT);
    push_text(&mut key, task_guid);
    key.extend_from_slice(&(number as u32).to_be_bytes());
    key
}

/// Key of a WorkflowEvent that has a record of its own.
pub fn thrown(tenant: &str, id: &pb::WfRunId, definition: &str, number: i32) -> Vec<u8> {
    let mut key = run(tenant, id);
    key.pop();
    key.push(KIND_THROWN);
    push_text(&mut key, definition);
    key.extend_from_slice(&(number as u32).to_be_bytes());
    key
}

/// True for keys made by [`thrown`].
pub fn is_thrown(key: &[u8]) -> bool {
    kind_in_tree(key) == Some(KIND_THROWN)
}

/// True for keys made by [`node`].
pub fn is_node(key: &[u8]) -> bool {
    kind_in_tree(key) == Some(KIND_NODE)
}

/// True for keys made by [`run`].
pub fn is_run(key: &[u8]) -> bool {
    kind_in_tree(key) == Some(KIND_RUN)
}

/// What a record of a tree is. The ids of runs are names, so none starts like a kind byte.
fn kind_in_tree(key: &[u8]) -> Option<u8> {
    let (_, mut rest) = key.strip_prefix(&[TABLE_TREE]).and_then(take_text)?;
    loop {
        match *rest.first()? {
            kind @ (KIND_RUN | KIND_NODE | KIND_CHECKPOINT | KIND_THROWN) => return Some(kind),
            _ => rest = take_text(rest)?.1,
        }
    }
}

/// Key of a place in the queue of a TaskDef.
pub fn queue(tenant: &str, task_def: &str, sequence: u64) -> Vec<u8> {
    let mut key = start(TABLE_QUEUE);
    push_text(&mut key, tenant);
    push_text(&mut key, task_def);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// Key of the wake-up entry of a run.
pub fn wake(due_ms: i64, tenant: &str, id: &pb::WfRunId) -> Vec<u8> {
    let mut key = start(TABLE_WAKE);
    key.extend_from_slice(&(due_ms.max(0) as u64).to_be_bytes());
    push_text(&mut key, tenant);
    push_path(&mut key, id);
    key
}

/// Key of an undelivered message to another shard.
pub fn outbox(target_shard: u32, sequence: u64) -> Vec<u8> {
    let mut key = start(TABLE_OUTBOX);
    key.extend_from_slice(&target_shard.to_be_bytes());
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// Key of a task worker group.
pub fn worker_group(tenant: &str, task_def: &str) -> Vec<u8> {
    let mut key = start(TABLE_WORKER_GROUP);
    push_text(&mut key, tenant);
    push_text(&mut key, task_def);
    key
}

/// Key of the record that says where the shard stands.
pub fn applied() -> Vec<u8> {
    vec![TABLE_APPLIED]
}

/// Puts a table byte before a meta key.
pub fn with_table(table: u8, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 1);
    full.push(table);
    full.extend_from_slice(key);
    full
}

/// Key of a WfSpec that was deleted or replaced, kept for the runs that are bound to it.
pub fn hidden_wf_spec(uid: u64) -> Vec<u8> {
    let mut key = hidden_wf_specs();
    key.extend_from_slice(&uid.to_be_bytes());
    key
}

/// Prefix of all hidden WfSpecs, of every name and tenant.
pub fn hidden_wf_specs() -> Vec<u8> {
    vec![TABLE_DEFINITION, HIDDEN]
}

/// Builds a run id from ids root to leaf.
pub fn wf_run_id<'a>(ids: impl IntoIterator<Item = &'a str>) -> Option<pb::WfRunId> {
    let mut result: Option<pb::WfRunId> = None;
    for id in ids {
        result = Some(pb::WfRunId { id: id.to_owned(), parent_wf_run_id: result.map(Box::new) });
    }
    result
}

/// Reads the due time of a [`wake`] key, in ms since the epoch.
pub fn wake_due_ms(key: &[u8]) -> Option<i64> {
    let due = key.strip_prefix(&[TABLE_WAKE])?.get(..8)?;
    i64::try_from(u64::from_be_bytes(due.try_into().ok()?)).ok()
}

/// Reads a [`wake`] key: due time, tenant, run.
pub fn parse_wake(key: &[u8]) -> Option<(i64, String, pb::WfRunId)> {
    let due = wake_due_ms(key)?;
    let rest = key.strip_prefix(&[TABLE_WAKE])?;
    let (tenant, mut rest) = take_text(&rest[8..])?;
    let mut ids = Vec::new();
    while !rest.is_empty() {
        let (id, more) = take_text(rest)?;
        ids.push(id);
        rest = more;
    }
    Some((due, tenant, wf_run_id(ids.iter().map(String::as_str))?))
}

/// Reads a [`queue`] key: tenant, TaskDef, sequence.
pub fn parse_queue(key: &[u8]) -> Option<(String, String, u64)> {
    let rest = key.strip_prefix(&[TABLE_QUEUE])?;
    let (tenant, rest) = take_text(rest)?;
    let (task_def, rest) = take_text(rest)?;
    Some((tenant, task_def, u64::from_be_bytes(rest.try_into().ok()?)))
}

/// Kinds of metadata entries; the byte is the first of a meta key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum MetaKind {
    /// TaskDef: tenant, name.
    TaskDef = 1,
    /// WfSpec: tenant, name, major u32, revision u32.
    WfSpec = 2,
    /// StructDef: tenant, name, version u32.
    StructDef = 3,
    /// ExternalEventDef: tenant, name.
    ExternalEventDef = 4,
    /// WorkflowEventDef: tenant, name.
    WorkflowEventDef = 5,
    /// UserTaskDef: tenant, name, version u32.
    UserTaskDef = 6,
    /// Tenant: name.
    Tenant = 7,
    /// Principal: name.
    Principal = 8,
}

impl MetaKind {
    /// The kind with this first byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        use MetaKind::*;
        [TaskDef, WfSpec, StructDef, ExternalEventDef, WorkflowEventDef, UserTaskDef, Tenant, Principal]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Prefix of the metadata of one kind in a tenant (for cluster-scoped kinds `tenant` is empty).
pub fn meta_prefix(kind: MetaKind, tenant: &str) -> Vec<u8> {
    let mut key = vec![kind as u8];
    push_text(&mut key, tenant);
    key
}

/// Key of one definition; `numbers` are its version numbers, most significant first.
pub fn meta(kind: MetaKind, tenant: &str, name: &str, numbers: &[i32]) -> Vec<u8> {
    let mut key = meta_prefix(kind, tenant);
    push_text(&mut key, name);
    for number in numbers {
        key.extend_from_slice(&(*number as u32).to_be_bytes());
    }
    key
}

/// What an index is about; the byte follows the tenant in an index key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum IndexKind {
    /// WfRuns: WfSpec name, status number as text; time = start.
    WfRun = 1,
    /// TaskRuns: TaskDef name, status number as text; time = scheduled.
    TaskRun = 2,
    /// Variables: WfSpec name, variable (or `variable_$.path`), value case and text; time = created.
    Variable = 3,
    /// Children: full id of the parent joined with `_`; time = start.
    Child = 4,
    /// NodeRuns that wait for or finished with an external event: event def name, status number as text; time = arrival.
    ExternalEventNode = 5,
    /// ExternalEvents: event def name, `true` or `false` for claimed; time = created.
    ExternalEvent = 20,
    /// WorkflowEvents: event def name; time = created.
    WorkflowEvent = 21,
    /// CorrelatedEvents: event def name, `true` or `false` for whether ExternalEvents were made of it; time = created.
    CorrelatedEvent = 50,
    /// UserTaskRuns, once for each of `all`, `def`, `user` and `group` that it has: that word, the name (empty for `all`),
    /// status number as text; time = scheduled.
    UserTaskRun = 30,
}

/// Prefix of the index entries with these text components.
pub fn index_prefix(tenant: &str, kind: IndexKind, components: &[&str]) -> Vec<u8> {
    let mut key = start(TABLE_INDEX);
    push_text(&mut key, tenant);
    key.push(kind as u8);
    for component in components {
        push_text(&mut key, component);
    }
    key
}

/// Key of an index entry: prefix, time in ms, object id text.
pub fn index(tenant: &str, kind: IndexKind, components: &[&str], time_ms: i64, id: &str) -> Vec<u8> {
    let mut key = index_prefix(tenant, kind, components);
    key.extend_from_slice(&(time_ms.max(0) as u64).to_be_bytes());
    key.extend_from_slice(id.as_bytes());
    key
}
