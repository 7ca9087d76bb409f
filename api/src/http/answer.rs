//! The answer's bytes.

use async_graphql::{Response, Value};
use serde::Serialize;

/// What serde makes of a response, except that [`Value::Binary`] is JSON already: lists of plain objects come like
/// this ([`PlainList`](crate::graphql::plain::PlainList)). Nothing else in the schema is binary.
pub(super) fn json(answer: &Response) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"data\":");
    write(&answer.data, &mut out);
    if !answer.extensions.is_empty() {
        out.extend_from_slice(b",\"extensions\":");
        plain(&answer.extensions, &mut out);
    }
    if !answer.errors.is_empty() {
        out.extend_from_slice(b",\"errors\":");
        plain(&answer.errors, &mut out);
    }
    out.push(b'}');
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Binary(json) => out.extend_from_slice(json),
        Value::List(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                separate(place, out);
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (place, (name, field)) in fields.iter().enumerate() {
                separate(place, out);
                plain(name.as_str(), out);
                out.push(b':');
                write(field, out);
            }
            out.push(b'}');
        }
        leaf => plain(leaf, out),
    }
}

fn separate(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

fn plain<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("texts, numbers and maps of texts have JSON");
}

#[cfg(test)]
mod tests {
    use async_graphql::{ServerError, value};

    use super::*;

    #[test]
    fn an_answer_is_written_as_serde_does() {
        let data = value!({ "a": [1, 2.5, "x\"\n", null, true, []], "b": { "c": {} }, "\"d\"": "é" });
        let mut answer = Response::new(data);
        assert_eq!(json(&answer), serde_json::to_vec(&answer).unwrap());
        answer = answer.extension("cost", value!({ "depth": 3 }));
        answer.errors.push(ServerError::new("no", None));
        assert_eq!(json(&answer), serde_json::to_vec(&answer).unwrap());
        assert_eq!(json(&Response::new(())), serde_json::to_vec(&Response::new(())).unwrap());
    }

    #[test]
    fn json_that_is_there_goes_in_as_it_is() {
        let list = Value::Binary(br#"[{"a":1}]"#.as_slice().into());
        let data = Value::Object([(async_graphql::Name::new("x"), Value::List(vec![list]))].into_iter().collect());
        assert_eq!(json(&Response::new(data)), br#"{"data":{"x":[[{"a":1}]]}}"#);
    }
}
