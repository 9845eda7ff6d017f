//! ThreadSpecs as a whole (X-7..X-10, X-20) and what a thread returns (X-8, STA-5).

use std::collections::BTreeMap;

use pb::failure_handler_def::FailureToCatch;
use pb::node::Node as Kind;

use super::shape::ReferencesByNode;
use super::variables::INPUT;
use super::view::{SpecView, ThreadView};
use super::{Reason, edge, name, nodes, static_type};
use crate::{pb, value};

/// What a thread that ends well returns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Output {
    /// Nothing.
    Void,
    /// A value whose type is known at run time only.
    Unknown,
    /// A value of this type.
    Known(pb::TypeDefinition),
}

impl Output {
    /// Equality (T-6) in which an unknown type equals every type, but not void.
    pub fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Void, Self::Void) => true,
            (Self::Known(left), Self::Known(right)) => value::types::equal(left, right),
            (Self::Void, _) | (_, Self::Void) => false,
            _ => true,
        }
    }

    /// The type, if there is one and it is known.
    pub fn known(self) -> Option<pb::TypeDefinition> {
        match self {
            Self::Known(definition) => Some(definition),
            Self::Void | Self::Unknown => None,
        }
    }
}

/// Checks every thread and node (X-7..X-36).
pub(super) fn require_all(spec: &SpecView<'_>, references: &ReferencesByNode) -> Result<(), Reason> {
    for (thread_name, thread) in spec.threads {
        let view = spec.thread(thread_name, thread);
        require(&view, references).map_err(|reason| format!("ThreadSpec {thread_name} invalid: {reason}"))?;
    }
    require_interrupts_apart(spec)
}

fn require(view: &ThreadView<'_>, references: &ReferencesByNode) -> Result<(), Reason> {
    require_entrypoint(view.thread)?;
    for (node_name, node) in &view.thread.nodes {
        let used = references.get(&(view.name.to_owned(), node_name.clone()));
        let mut nodes_used = used.into_iter().flat_map(|used| &used.nodes);
        nodes_used
            .try_for_each(|used| view.node(used).map(drop))
            .and_then(|()| require_handlers(view, node))
            .and_then(|()| nodes::require(view, node))
            .and_then(|()| edge::require_all(view, node_name, node))
            .map_err(|reason| format!("Node {node_name} invalid: {reason}"))?;
    }
    output(view)?;
    view.thread.interrupt_defs.iter().try_for_each(|interrupt| require_interrupt(view, interrupt))
}

fn require_entrypoint(thread: &pb::ThreadSpec) -> Result<(), Reason> {
    match thread.nodes.values().filter(|node| matches!(node.node, Some(Kind::Entrypoint(_)))).count() {
        0 => Err("missing ENTRYPOINT node!".to_owned()),
        1 => Ok(()),
        _ => Err("Multiple ENTRYPOINT nodes!".to_owned()),
    }
}

/// What the EXIT nodes of a thread that are no failures return; they must agree.
pub(super) fn output(view: &ThreadView<'_>) -> Result<Output, Reason> {
    let mut agreed: Option<(&str, Output)> = None;
    for (node_name, node) in &view.thread.nodes {
        let returned = match &node.node {
            Some(Kind::Exit(exit)) => match &exit.result {
                Some(pb::exit_node::Result::FailureDef(_)) => continue,
                Some(pb::exit_node::Result::ReturnContent(content)) => static_type::of(view, content)
                    .map_err(|reason| format!("Node {node_name} invalid: {reason}"))?
                    .map_or(Output::Unknown, Output::Known),
                None => Output::Void,
            },
            _ => continue,
        };
        match &agreed {
            None => agreed = Some((node_name, returned)),
            Some((other_name, other)) if !other.agrees_with(&returned) => {
                return Err(disagreement(other_name, other, node_name, &returned));
            }
            Some((_, Output::Unknown)) => agreed = Some((node_name, returned)),
            Some(_) => {}
        }
    }
    Ok(agreed.map_or(Output::Void, |(_, output)| output))
}

fn disagreement(one: &str, one_output: &Output, other: &str, other_output: &Output) -> Reason {
    match (one_output, other_output) {
        (Output::Void, _) => format!("Node {one} returns void but node {other} returns non-void"),
        (_, Output::Void) => format!("Node {other} returns void but node {one} returns non-void"),
        _ => format!("Nodes {one} and {other} returned different output types"),
    }
}

/// Handlers of a node's failures (X-20, N-5).
fn require_handlers(view: &ThreadView<'_>, node: &pb::Node) -> Result<(), Reason> {
    let refused: Vec<&str> = node
        .failure_handlers
        .iter()
        .filter_map(|handler| match &handler.failure_to_catch {
            Some(FailureToCatch::SpecificFailure(failure)) => Some(failure.as_str()),
            _ => None,
        })
        .filter(|failure| !name::is_reserved_failure(failure) && !name::is_name(failure))
        .collect();
    if !refused.is_empty() {
        return Err(format!("Invalid names for exception handlers: {}", refused.join(", ")));
    }
    node.failure_handlers.iter().try_for_each(|handler| require_handler_thread(view, handler))
}

/// A handler thread that does not exist would leave the run stuck when it is needed.
pub(super) fn require_handler_thread(view: &ThreadView<'_>, handler: &pb::FailureHandlerDef) -> Result<(), Reason> {
    if view.spec.threads.contains_key(&handler.handler_spec_name) {
        return Ok(());
    }
    Err(format!("Failure handler refers to missing ThreadSpec {}", handler.handler_spec_name))
}

fn require_interrupt(view: &ThreadView<'_>, interrupt: &pb::InterruptDef) -> Result<(), Reason> {
    let event = event_name(interrupt.external_event_def_id.as_ref());
    let inside = |text: String| Err(format!("Interrupt on {event} invalid: {text}"));
    if view.definitions().external_event_def(event).is_none() {
        return inside(format!("Refers to missing ExternalEventDef {event}"));
    }
    let handler_name = &interrupt.handler_spec_name;
    let Some(handler) = view.spec.threads.get(handler_name) else {
        return inside(format!("Refers to missing ThreadSpec {handler_name}"));
    };
    let mut declared = super::view::declarations(handler);
    let takes_only_input = match (declared.next(), declared.next()) {
        (None, _) => true,
        (Some((_, only)), None) => only.name == INPUT,
        _ => false,
    };
    if !takes_only_input {
        return inside(format!("handler thread {handler_name} should only have '{INPUT}' var"));
    }
    Ok(())
}

/// One event cannot both interrupt and be waited for, nor interrupt two threads.
fn require_interrupts_apart(spec: &SpecView<'_>) -> Result<(), Reason> {
    let mut interrupted: BTreeMap<&str, &str> = BTreeMap::new();
    for (thread_name, thread) in spec.threads {
        for interrupt in &thread.interrupt_defs {
            let event = event_name(interrupt.external_event_def_id.as_ref());
            if let Some(other) = interrupted.insert(event, thread_name)
                && other != thread_name
            {
                return Err(format!(
                    "ThreadSpec {thread_name} invalid: ExternalEventDef {event} used by multiple threads as interrupt"
                ));
            }
        }
    }
    for (thread_name, thread) in spec.threads {
        for (node_name, node) in &thread.nodes {
            let Some(Kind::ExternalEvent(waiting)) = &node.node else { continue };
            let event = event_name(waiting.external_event_def_id.as_ref());
            if interrupted.contains_key(event) {
                return Err(format!(
                    "ThreadSpec {thread_name} invalid: Node {node_name} invalid: ExternalEventDef {event} used for \
                     Node and Interrupt"
                ));
            }
        }
    }
    Ok(())
}

fn event_name(id: Option<&pb::ExternalEventDefId>) -> &str {
    id.map_or("", |id| id.name.as_str())
}
