//! What a check sees of the WfSpec around it: its thread, the other threads, the declared variables.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::static_type::Static;
use super::{Definitions, Reason};
use crate::{pb, value};

/// All threads of a WfSpec, with the declared type of each variable.
pub(super) struct SpecView<'a> {
    /// Where definitions are looked up.
    pub definitions: &'a dyn Definitions,
    /// The threads by name.
    pub threads: &'a BTreeMap<String, pb::ThreadSpec>,
    types: BTreeMap<&'a str, Declared<'a>>,
    /// Whether this is a WfSpec that the one being put starts as its child.
    pub is_child: bool,
    /// What child WfSpecs return, by name and major version: computed once however many nodes ask.
    child_outputs: RefCell<BTreeMap<(String, i32), Static>>,
    /// What threads and child WfSpecs take that nodes start, for the same reason.
    inputs: RefCell<BTreeMap<Started, Rc<Inputs>>>,
}

/// What a node starts: a thread of its own WfSpec, or a WfSpec by name and major version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Started {
    Thread(String),
    WfSpec(String, i32),
}

/// Declarations of one name: more than one for `INPUT` only.
#[derive(Default)]
struct Declared<'a> {
    by_thread: BTreeMap<&'a str, pb::TypeDefinition>,
    /// Two declarations differ. Known beforehand: as many nodes may ask as there are declarations.
    differ: bool,
}

impl<'a> Declared<'a> {
    fn add(&mut self, thread_name: &'a str, declared: pb::TypeDefinition) {
        self.differ |= self.common().is_some_and(|common| !value::types::equal(common, &declared));
        self.by_thread.insert(thread_name, declared);
    }

    /// The type if all declarations agree.
    fn common(&self) -> Option<&pb::TypeDefinition> {
        self.by_thread.values().next().filter(|_| !self.differ)
    }
}

/// What a thread takes when it is started.
pub(super) struct Inputs {
    /// Types of its variables by name.
    pub types: BTreeMap<String, pb::TypeDefinition>,
    /// Names of those that must be given.
    pub required: BTreeSet<String>,
}

impl Inputs {
    /// The inputs of a thread.
    pub fn of(thread: &pb::ThreadSpec) -> Self {
        let mut inputs = Self { types: BTreeMap::new(), required: BTreeSet::new() };
        for (declaration, variable) in declarations(thread) {
            inputs.types.insert(variable.name.clone(), value::types::var_def_type(variable));
            if declaration.required {
                inputs.required.insert(variable.name.clone());
            }
        }
        inputs
    }
}

impl<'a> SpecView<'a> {
    /// The view of the WfSpec being put.
    pub fn new(threads: &'a BTreeMap<String, pb::ThreadSpec>, definitions: &'a dyn Definitions) -> Self {
        Self::of(threads, definitions, false)
    }

    /// The view of a stored WfSpec that the one being put starts as its child.
    pub fn of_child(threads: &'a BTreeMap<String, pb::ThreadSpec>, definitions: &'a dyn Definitions) -> Self {
        Self::of(threads, definitions, true)
    }

    fn of(threads: &'a BTreeMap<String, pb::ThreadSpec>, definitions: &'a dyn Definitions, is_child: bool) -> Self {
        let mut types: BTreeMap<&str, Declared<'_>> = BTreeMap::new();
        for (thread_name, thread) in threads {
            for (_, variable) in declarations(thread) {
                types.entry(&variable.name).or_default().add(thread_name, value::types::var_def_type(variable));
            }
        }
        Self { definitions, threads, types, is_child, child_outputs: RefCell::default(), inputs: RefCell::default() }
    }

    /// What a child WfSpec returns; `compute` is called once per child.
    pub fn child_output(&self, name: &str, major_version: i32, compute: impl FnOnce() -> Static) -> Static {
        let key = (name.to_owned(), major_version);
        if let Some(computed) = self.child_outputs.borrow().get(&key) {
            return computed.clone();
        }
        let computed = compute();
        self.child_outputs.borrow_mut().insert(key, computed.clone());
        computed
    }

    /// What is taken by what a node starts; `find` is called once for each.
    ///
    /// # Errors
    /// What `find` answers.
    pub fn inputs(
        &self,
        started: Started,
        find: impl FnOnce() -> Result<Inputs, Reason>,
    ) -> Result<Rc<Inputs>, Reason> {
        if let Some(known) = self.inputs.borrow().get(&started) {
            return Ok(known.clone());
        }
        let found = Rc::new(find()?);
        self.inputs.borrow_mut().insert(started, found.clone());
        Ok(found)
    }

    /// The view from inside one thread.
    pub fn thread(&'a self, name: &'a str, spec: &'a pb::ThreadSpec) -> ThreadView<'a> {
        ThreadView { spec: self, name, thread: spec }
    }
}

/// One thread of a WfSpec.
#[derive(Clone, Copy)]
pub(super) struct ThreadView<'a> {
    /// The WfSpec around it.
    pub spec: &'a SpecView<'a>,
    /// Its name.
    pub name: &'a str,
    /// The thread itself.
    pub thread: &'a pb::ThreadSpec,
}

impl<'a> ThreadView<'a> {
    /// Where definitions are looked up.
    pub fn definitions(&self) -> &'a dyn Definitions {
        self.spec.definitions
    }

    /// The declared type of a variable as this thread sees it; unknown if several threads declare it differently and
    /// this one does not.
    ///
    /// # Errors
    /// No thread declares it.
    pub fn variable_type(&self, name: &str) -> Result<Option<&'a pb::TypeDefinition>, Reason> {
        let declared = self.spec.types.get(name);
        let declared = declared.ok_or_else(|| format!("refers to missing var {name}"))?;
        Ok(declared.by_thread.get(self.name).or_else(|| declared.common()))
    }

    /// A node of this thread.
    ///
    /// # Errors
    /// There is none of that name (T-9).
    pub fn node(&self, name: &str) -> Result<&'a pb::Node, Reason> {
        let missing = || format!("refers to node {name} that does not exist in ThreadSpec {}", self.name);
        self.thread.nodes.get(name).ok_or_else(missing)
    }
}

/// The variables that a thread declares, by name.
pub(super) fn declarations(thread: &pb::ThreadSpec) -> impl Iterator<Item = (&pb::ThreadVarDef, &pb::VariableDef)> {
    thread.variable_defs.iter().filter_map(|declaration| Some((declaration, declaration.var_def.as_ref()?)))
}
