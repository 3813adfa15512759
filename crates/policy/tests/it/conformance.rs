//! The conformance tests of google/cel-spec, as far as rules go: every case of
//! the named files passes, or stands in `skip.txt` with its reason.
//!
//! The data (Apache-2.0, `tests/simple/testdata`) lie in `cel-spec/` of the
//! mirror that `ASGARD_TEST_MIRROR` names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use asgard_policy::{
    diagnostic::Place,
    gate::{
        Visit, Written,
        expression::{
            Bindings, Declarations, Fail, Program, Strictness, Value, equal,
            kind::Kind, value::Outcome,
        },
    },
};

mod textproto;

use textproto::Message;

const SKIP: &str = include_str!("conformance/skip.txt");

const FILES: [&str; 14] = [
    "parse",
    "string_ext",
    "comparisons",
    "conversions",
    "timestamps",
    "network_ext",
    "integer_math",
    "string",
    "macros",
    "macros2",
    "basic",
    "lists",
    "logic",
    "fp_math",
];

const REASONS: [&str; 6] = [
    "protobuf",
    "dyn",
    "enum",
    "literal-regex",
    "our-extension",
    "not-offered",
];

struct Bound(Vec<Option<Value<'static>>>);

impl Bindings for Bound {
    fn variable(&self, index: usize) -> Outcome<'_> {
        match self.0.get(index) {
            Some(Some(value)) => Ok(value.clone()),
            _ => Err(Fail::Unknown),
        }
    }
    fn visit(&self) -> Option<&Visit<'_>> {
        None
    }
}

fn kind(of: &Message) -> Kind {
    if let Some(name) = of.text("primitive") {
        return match name {
            "INT64" => Kind::Int,
            "UINT64" => Kind::Uint,
            "DOUBLE" => Kind::Double,
            "BOOL" => Kind::Bool,
            "STRING" => Kind::String,
            "BYTES" => Kind::Bytes,
            _ => Kind::Dyn,
        };
    }
    if let Some(list) = of.message("list_type") {
        return Kind::list(list.message("elem_type").map_or(Kind::Dyn, kind));
    }
    if let Some(map) = of.message("map_type") {
        let part = |name: &str| map.message(name).map_or(Kind::Dyn, kind);
        return Kind::map(part("key_type"), part("value_type"));
    }
    match of.text("well_known") {
        Some("TIMESTAMP") => Kind::Timestamp,
        Some("DURATION") => Kind::Duration,
        _ => Kind::Dyn,
    }
}

fn value(of: &Message) -> Option<Value<'static>> {
    let (name, field) = of.0.first()?;
    Some(match name.as_str() {
        "null_value" => Value::Null,
        "bool_value" => Value::Bool(field.text()? == "true"),
        "int64_value" => Value::Int(number(field.text()?)?),
        "uint64_value" => Value::Uint(number(field.text()?)?),
        "double_value" => Value::Double(match field.text()? {
            "inf" | "infinity" | "Infinity" => f64::INFINITY,
            "-inf" | "-infinity" | "-Infinity" => f64::NEG_INFINITY,
            "nan" | "NaN" => f64::NAN,
            text => text.parse().ok()?,
        }),
        "string_value" => Value::text(field.text()?.to_owned()),
        "bytes_value" => Value::Bytes(field.bytes()?.into()),
        "type_value" => Value::Type(field.text()?.into()),
        "list_value" => {
            let items = field.message()?.all("values").map(value);
            Value::list(items.collect::<Option<Vec<_>>>()?)
        }
        "map_value" => {
            let entries = field.message()?.all("entries").map(|entry| {
                let part = |name: &str| value(entry.message(name)?);
                Some((part("key")?, part("value")?))
            });
            Value::Map(entries.collect::<Option<Vec<_>>>()?.into())
        }
        "object_value" => object(field.message()?)?,
        _ => return None,
    })
}

fn object(of: &Message) -> Option<Value<'static>> {
    let (name, field) = of.0.first()?;
    let message = field.message()?;
    let part = |name: &str| {
        message.text(name).map_or(Some(0_i128), |text| text.parse().ok())
    };
    let nanos = part("seconds")? * 1_000_000_000 + part("nanos")?;
    match name.rsplit('/').next()? {
        "google.protobuf.Duration" => Some(Value::Duration(nanos)),
        "google.protobuf.Timestamp" => Some(Value::Timestamp(
            jiff::Timestamp::from_nanosecond(nanos).ok()?,
        )),
        _ => None,
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Equal, and of the same kind; NaN is itself.
fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    if let (Value::Double(a), Value::Double(b)) = (a, b)
        && a.is_nan()
    {
        return b.is_nan();
    }
    equal(a, b) && a.type_name() == b.type_name()
}

/// What went wrong, if something did.
fn run(test: &Message) -> Result<(), String> {
    let mut variables = Vec::new();
    let mut bound = Vec::new();
    for declared in test.all("type_env") {
        let name = declared.text("name").unwrap_or_default();
        let of = declared.message("ident").and_then(|i| i.message("type"));
        variables.push((name.to_owned(), of.map_or(Kind::Dyn, kind)));
        bound.push(None);
    }
    for binding in test.all("bindings") {
        let name = binding.text("key").unwrap_or_default();
        let of = binding.message("value").and_then(|v| v.message("value"));
        let of = of.and_then(value).ok_or("a binding is not understood")?;
        match variables.iter().position(|(own, _)| own == name) {
            Some(index) => bound[index] = Some(of),
            None => {
                variables.push((name.to_owned(), Kind::Dyn));
                bound.push(Some(of));
            }
        }
    }
    let unchecked = test.text("disable_check") == Some("true");
    let declarations = Declarations {
        strictness: match unchecked {
            true => Strictness::Unchecked,
            false => Strictness::Checked,
        },
        variables,
        container: test.text("container").unwrap_or_default().to_owned(),
        offered: None,
    };
    let text = test.text("expr").ok_or("no expression")?.to_owned();
    let end = text.len();
    let source = Written {
        value: text,
        place: Place { file: 0, start: 0, end },
        map: None,
    };
    let compiled = Program::compile(&source, &declarations, "");
    let bindings = Bound(bound);
    let outcome = match &compiled {
        Ok((program, _)) => {
            program.value(&bindings).map_err(|fail| format!("{fail:?}"))
        }
        Err(faults) => Err(faults.first().map_or(String::new(), |fault| {
            format!("{} ({})", fault.message, fault.hint)
        })),
    };
    let failing = ["eval_error", "any_eval_errors", "unknown", "any_unknowns"];
    if failing.iter().any(|name| test.message(name).is_some()) {
        return match outcome {
            Err(_) => Ok(()),
            Ok(value) => Err(format!("{value:?} instead of a failure")),
        };
    }
    let wanted = match test.message("value").or_else(|| {
        test.message("typed_result").and_then(|t| t.message("result"))
    }) {
        Some(message) => {
            value(message).ok_or("the expected value is not understood")?
        }
        None => Value::Bool(true),
    };
    match outcome {
        Ok(got) if same(&got, &wanted) => Ok(()),
        Ok(got) => Err(format!("{got:?} instead of {wanted:?}")),
        Err(why) => Err(format!("{why} instead of {wanted:?}")),
    }
}

fn data() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the data lie")]
    let mirror = std::env::var("ASGARD_TEST_MIRROR").ok()?;
    let dir = PathBuf::from(mirror).join("cel-spec");
    dir.is_dir().then_some(dir)
}

fn skips() -> BTreeMap<&'static str, &'static str> {
    let lines = SKIP.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|l| l.split_once('\t').unwrap_or((l, ""))).collect()
}

#[test]
fn every_skipped_case_has_a_known_reason() {
    for (name, reason) in skips() {
        assert!(REASONS.contains(&reason), "{name}: {reason:?}");
    }
}

#[test]
fn the_conformance_tests_of_cel_pass_or_are_listed() {
    let Some(dir) = data() else {
        println!("SKIP real-data: no cel-spec in ASGARD_TEST_MIRROR");
        return;
    };
    let skips = skips();
    let mut seen = BTreeSet::new();
    let (mut passed, mut total, mut foreign) = (0, 0, 0);
    let mut faults = Vec::new();
    for file in FILES {
        let path = dir.join(format!("{file}.textproto"));
        let text = fs::read_to_string(&path).unwrap();
        let root = textproto::parse(&text).unwrap();
        let (mut own, mut of) = (0, 0);
        for section in root.all("section") {
            let section_name = section.text("name").unwrap_or_default();
            for test in section.all("test") {
                let name = test.text("name").unwrap_or_default();
                let name = format!("{file}/{section_name}/{name}");
                total += 1;
                of += 1;
                let outcome = run(test);
                own += usize::from(outcome.is_ok());
                let skip = skips.get(name.as_str());
                foreign +=
                    usize::from(matches!(skip, Some(&"protobuf" | &"enum")));
                match (outcome, skip) {
                    (Ok(()), None) => passed += 1,
                    (Ok(()), Some(reason)) => {
                        faults.push(format!("{name} passes now ({reason})"));
                    }
                    (Err(why), None) => {
                        let text = test.text("expr").unwrap_or_default();
                        faults.push(format!("{name}: {text}\n    {why}"));
                    }
                    (Err(_), Some(_)) => {}
                }
                seen.insert(name);
            }
        }
        println!("{file}: {own} of {of}");
    }
    for name in skips.keys().filter(|name| !seen.contains(**name)) {
        faults.push(format!("{name} is listed, but is no test"));
    }
    let permille = passed * 1000 / (total - foreign);
    println!(
        "cel-spec: {passed} of {total} cases pass, {foreign} are about \
         messages or enums; without those {permille} per mille"
    );
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
    assert!(permille >= 950, "{permille}");
}
