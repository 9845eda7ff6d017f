//! Compiles `proto/` with protox (no protoc needed); maps become `BTreeMap`, so iteration order is fixed.
use std::{env, fs, io, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let includes = [root.join("littlehorse"), root.join("internal")];
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    for include in &includes {
        for entry in fs::read_dir(include)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, &includes)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    let mut config = prost_build::Config::new();
    // Few NodeRuns have one, and it is large.
    config.btree_map(["."]).boxed(".lhinternal.NodeRecord.user_task_run");
    config.compile_fds(descriptors).map_err(io::Error::other)?;
    Ok(())
}
