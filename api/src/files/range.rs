//! Which bytes: `Range`, `If-Range`, `If-None-Match` (RFC 9110) and `Content-Range` of a part of an upload.

use std::ops::Range;

/// What to answer a `GET` with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Part(Range<u64>),
    /// No byte of what was asked for is there.
    Unsatisfiable,
}

/// What a `Range` header asks for in a file of `size` bytes. Several ranges, other units and what is not
/// understood mean the whole file, as RFC 9110 (14.2) has it.
pub(super) fn wanted(range: Option<&str>, if_range: Option<&str>, etag: &str, size: u64) -> Wanted {
    if if_range.is_some_and(|condition| condition.trim() != etag) {
        return Wanted::Whole;
    }
    let Some((first, last)) = range.and_then(|text| text.trim().strip_prefix("bytes=")?.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let part = match (first, last) {
        ("", last) => number(last).map(|length| size.saturating_sub(length)..size),
        (first, "") => number(first).map(|first| first..size),
        (first, last) => number(first)
            .zip(number(last))
            .and_then(|(first, last)| (first <= last).then(|| first..last.saturating_add(1).min(size))),
    };
    match part {
        None => Wanted::Whole,
        Some(part) if part.start >= part.end => Wanted::Unsatisfiable,
        Some(part) => Wanted::Part(part),
    }
}

/// Whether the client has the file already.
pub(super) fn is_fresh(if_none_match: Option<&str>, etag: &str) -> bool {
    let same = |candidate: &str| matches!(candidate.trim(), "*") || candidate.trim().trim_start_matches("W/") == etag;
    if_none_match.is_some_and(|list| list.split(',').any(same))
}

/// The part of an upload that `bytes a-b/total` names: start, length and, unless `*`, the total.
pub(super) fn part_of_upload(content_range: &str) -> Option<(u64, u64, Option<u64>)> {
    let (part, total) = content_range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = if total.trim() == "*" { None } else { Some(total.trim().parse().ok()?) };
    let length = last.checked_sub(first)?.checked_add(1)?;
    Some((first, length, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_rfc_9110() {
        let cases = [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=2-99", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-1,4-5", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=99999999999999999999-", Wanted::Whole),
            ("rows=1-2", Wanted::Whole),
        ];
        for (text, expected) in cases {
            assert_eq!(wanted(Some(text), None, "\"e\"", 10), expected, "{text}");
        }
        assert_eq!(wanted(None, None, "\"e\"", 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=1-2"), Some("\"e\""), "\"e\"", 10), Wanted::Part(1..3));
        assert_eq!(wanted(Some("bytes=1-2"), Some("\"old\""), "\"e\"", 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=1-2"), Some("W/\"e\""), "\"e\"", 10), Wanted::Whole);
    }

    #[test]
    fn etags_compare_weakly() {
        for list in ["\"e\"", "W/\"e\"", "\"a\", \"e\"", "*"] {
            assert!(is_fresh(Some(list), "\"e\""), "{list}");
        }
        assert!(!is_fresh(Some("\"a\""), "\"e\"") && !is_fresh(None, "\"e\""));
    }

    #[test]
    fn parts_name_start_length_and_total() {
        assert_eq!(part_of_upload("bytes 5-9/20"), Some((5, 5, Some(20))));
        assert_eq!(part_of_upload("bytes 0-0/*"), Some((0, 1, None)));
        for bad in ["bytes 9-5/20", "bytes */20", "5-9/20", "bytes 5-9", "bytes 0-18446744073709551615/*"] {
            assert_eq!(part_of_upload(bad), None, "{bad}");
        }
    }
}
