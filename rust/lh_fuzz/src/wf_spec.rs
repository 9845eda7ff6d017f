//! The checks of WfSpecs: any request is refused or stored, and putting what was stored again changes nothing.

use lh_machine::{check, pb};
use prost::Message;

use crate::{
    source::Source,
    specs::{self, Defined},
};

/// Puts a WfSpec, then the same again, then another one of the same name.
pub fn wf_spec(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut defined = Defined::default();
    for _ in 0..2 {
        let request = match source.one_in(8) {
            true => pb::PutWfSpecRequest::decode(source.rest()).unwrap_or_default(),
            false => specs::put_wf_spec(&mut source, "spec0"),
        };
        let Ok(checked) = check::put_wf_spec(request.clone(), &defined, 1_000) else { continue };
        let stored = checked.wf_spec.expect("an accepted WfSpec is answered");
        if !checked.unchanged {
            defined.wf_specs.push(stored.clone());
        }
        let again = check::put_wf_spec(request, &defined, 2_000).expect("what was accepted is accepted again");
        assert!(again.unchanged, "a WfSpec that is put again is unchanged (02/V-2)");
        assert_eq!(again.wf_spec.map(|spec| spec.encode_to_vec()), Some(stored.encode_to_vec()));
    }
}
