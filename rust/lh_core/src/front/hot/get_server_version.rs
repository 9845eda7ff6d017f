//! `GetServerVersion`: the API level that this server implements (08/H-3).

use lh_machine::pb;

use crate::front::{Front, frames::Framed};

/// Answers the RPC.
pub fn answer(front: &Front) -> Framed {
    Framed::encode(&front.parts.version)
}

/// Reads "major.minor[.patch][-pre]"; `None` if the text is not of that form.
pub fn parse(text: &str) -> Option<pb::LittleHorseVersion> {
    let (numbers, pre_release) = match text.split_once('-') {
        Some((numbers, pre)) if !pre.is_empty() && pre.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            (numbers, Some(pre.to_owned()))
        }
        Some(_) => return None,
        None => (text, None),
    };
    let mut parts = numbers.split('.').map(|part| part.parse::<i32>().ok().filter(|number| *number >= 0));
    let version = pb::LittleHorseVersion {
        major_version: parts.next()??,
        minor_version: parts.next()??,
        patch_version: match parts.next() {
            Some(patch) => Some(patch?),
            None => None,
        },
        pre_release_identifier: pre_release,
    };
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: i32, minor: i32, patch: Option<i32>, pre: Option<&str>) -> pb::LittleHorseVersion {
        pb::LittleHorseVersion {
            major_version: major,
            minor_version: minor,
            patch_version: patch,
            pre_release_identifier: pre.map(str::to_owned),
        }
    }

    /// 08/H-3: the form of versions.
    #[test]
    fn versions() {
        assert_eq!(parse("1.3.0"), Some(version(1, 3, Some(0), None)));
        assert_eq!(parse("1.3"), Some(version(1, 3, None, None)));
        assert_eq!(parse("1.3.0-SNAPSHOT"), Some(version(1, 3, Some(0), Some("SNAPSHOT"))));
        for bad in ["", "1", "1.x", "1.3.0.0", "1.3.0-", "1.3.0-a b", "1.-3", "v1.3"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
