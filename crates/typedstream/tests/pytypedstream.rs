//! pytypedstream 0.1.0, an independent reader, finds in what is written here what was meant; and
//! the archives that it ships for its own tests are written as they were.
//!
//! It takes a Python with pytypedstream, named by the variable `ICHAT_TEST_PYTHON`. Without it the
//! tests are skipped with a line on standard error; where the variable `CI` is set, they fail.
//! The archives are under the LGPL and not part of this crate: they are taken from the source
//! distribution of pytypedstream on PyPI, by pip.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use support::{Range, an_archive};
use typedstream::foundation::{Builder, Mutability};
use typedstream::{Archive, ByteOrder, EventKind, Limits, Number, Reader, Value};

use Mutability::{Immutable, Mutable};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read_typedstream.py");
const ARCHIVES: usize = 300;
/// Random archives nest deeper than the default.
const LIMITS: Limits = Limits {
    octets: 1 << 20,
    depth: 100,
    objects: 10_000,
    memory: 1 << 20,
};
/// What pip is asked for, and the folder that the source distribution unpacks to.
const DISTRIBUTION: (&str, &str) = ("pytypedstream==0.1.0", "pytypedstream-0.1.0");

/// The Python to ask; none if the test is to be skipped.
fn python(test: &str) -> Option<PathBuf> {
    let python = std::env::var_os("ICHAT_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        skip(test, "ICHAT_TEST_PYTHON names no Python with pytypedstream");
    }
    python
}

fn skip(test: &str, why: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|value| value.is_empty()),
        "{why}, and CI is set: nothing may be skipped here"
    );
    eprintln!("\nSKIPPED: {test}: {why} (scripts/test sets it up)");
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(output: Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn ask(python: &Path, option: Option<&str>, paths: &[PathBuf]) -> String {
    let mut command = Command::new(python);
    command
        .arg("-X")
        .arg("utf8")
        .arg(SCRIPT)
        .args(option)
        .args(paths);
    text(command.output().unwrap())
}

/// Fails unless pytypedstream finds the same events in each of these files.
fn assert_same_events(python: &Path, paths: &[PathBuf]) {
    let found = ask(python, None, paths);
    let mut found = found.lines();
    let mut lines = 0;
    for path in paths {
        for expected in events(&std::fs::read(path).unwrap()) {
            assert_eq!(found.next(), Some(expected.as_str()), "{}", path.display());
            lines += 1;
        }
    }
    assert_eq!(found.next(), None);
    assert!(lines > paths.len() * 3, "{lines} lines");
}

#[test]
fn it_reads_random_archives_as_we_do() {
    let Some(python) = python("it_reads_random_archives_as_we_do") else {
        return;
    };
    let folder = folder("random");
    let mut runner = TestRunner::deterministic();
    let paths: Vec<_> = (0..ARCHIVES)
        .map(|number| {
            let archive = an_archive(Range::Old).new_tree(&mut runner).unwrap();
            let path = folder.join(format!("{number}.typedstream"));
            std::fs::write(&path, archive.current().encode().unwrap()).unwrap();
            path
        })
        .collect();
    assert_same_events(&python, &paths);
}

#[test]
fn it_reads_foundation_objects_as_what_they_are() {
    let Some(python) = python("it_reads_foundation_objects_as_what_they_are") else {
        return;
    };
    let folder = folder("foundation");
    let paths: Vec<_> = [ByteOrder::Little, ByteOrder::Big]
        .map(|order| {
            let path = folder.join(format!("{order:?}.typedstream"));
            std::fs::write(&path, one_of_each(order).encode().unwrap()).unwrap();
            path
        })
        .into();
    let expected = concat!(
        "NSMutableArray [NSString grüß, NSMutableString , ",
        "NSNumber c 1, NSNumber s -300, NSNumber i 2000000000, NSNumber I 3000000000, ",
        "NSNumber q -112, NSNumber Q 113, NSNumber f 0.5, NSNumber d 3.0, ",
        "NSData 0084ff, NSMutableData , NSDate 2001-01-01T00:00:01.500000+00:00, ",
        "NSURL b (NSURL http://a/), ",
        "NSDictionary {NSString k: NSMutableDictionary {}}, ",
        "NSSet [NSString k], NSMutableSet [], ",
        "NSValue {_NSRect={_NSPoint=ff}{_NSSize=ff}} NSRect {{1, 2}, {3, 4.5}}, ",
        "NSString grüß]"
    );
    let found = ask(&python, Some("--decode"), &paths);
    assert_eq!(found.lines().collect::<Vec<_>>(), [expected, expected]);
}

fn one_of_each(order: ByteOrder) -> Archive {
    let mut builder = Builder::new(order);
    let mut elements = vec![
        builder.string("grüß", Immutable),
        builder.string("", Mutable),
    ];
    let numbers = [
        Number::Char(1),
        Number::Short(-300),
        Number::Int(2_000_000_000),
        Number::UnsignedInt(3_000_000_000),
        Number::LongLong(-112),
        Number::UnsignedLongLong(113),
        Number::Float(0.5),
        Number::Double(3.0),
    ];
    elements.extend(numbers.map(|number| builder.number(number)));
    elements.push(builder.data(b"\x00\x84\xff", Immutable));
    elements.push(builder.data(b"", Mutable));
    elements.push(builder.date(1.5));
    let base = builder.string("http://a/", Immutable);
    let base = builder.url(None, base);
    let relative = builder.string("b", Immutable);
    elements.push(builder.url(Some(base), relative));
    let key = builder.string("k", Immutable);
    let empty = builder.dictionary(&[], Mutable);
    elements.push(builder.dictionary(&[(key, empty)], Immutable));
    elements.push(builder.set(&[key], Immutable));
    elements.push(builder.set(&[], Mutable));
    let pair = |x, y| Value::Struct([Number::Float(x).into(), Number::Float(y).into()].into());
    let rect = Value::Struct([pair(1.0, 2.0), pair(3.0, 4.5)].into());
    elements.push(builder.value("{_NSRect={_NSPoint=ff}{_NSSize=ff}}", rect));
    elements.extend(elements.first().copied());
    let root = builder.array(&elements, Mutable);
    builder.finish(root)
}

#[test]
fn the_archives_of_its_own_tests_are_written_as_they_were() {
    let name = "the_archives_of_its_own_tests_are_written_as_they_were";
    let Some(python) = python(name) else {
        return;
    };
    let Some(mut paths) = shipped(&python) else {
        skip(name, "PyPI cannot be reached by pip");
        return;
    };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for entry in vectors.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "typedstream")
        {
            paths.push(path);
        }
    }
    for path in &paths {
        let octets = std::fs::read(path).unwrap();
        // The default limits suffice for 50 kilooctets of a real program's objects.
        let archive = Archive::decode(&octets).unwrap();
        assert!(archive.encode().unwrap() == octets, "{}", path.display());
    }
    assert_same_events(&python, &paths);
}

/// The archives in pytypedstream's source distribution, which pip fetches once; none without a
/// network.
fn shipped(python: &Path) -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("distribution");
    let (requirement, unpacked) = DISTRIBUTION;
    let data = folder.join(unpacked).join("tests/data");
    if !data.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let fetched = Command::new(python)
            .args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--no-binary", "pytypedstream", requirement, "--dest"])
            .arg(&folder)
            .output()
            .unwrap();
        if !fetched.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&fetched.stderr));
            return None;
        }
        let unpack = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
        let archive = folder.join(format!("{unpacked}.tar.gz"));
        let mut command = Command::new(python);
        command.args(["-c", unpack]).args([archive, folder]);
        text(command.output().unwrap());
    }
    let paths: Vec<_> = data
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(paths.len() >= 3, "{paths:?}");
    Some(paths)
}

/// What the script prints for these octets, from our own reader.
fn events(octets: &[u8]) -> Vec<String> {
    let reader = Reader::with_limits(octets, LIMITS).unwrap();
    let header = reader.header();
    let order = match header.byte_order {
        ByteOrder::Little => "little",
        ByteOrder::Big => "big",
    };
    let mut lines = vec![format!(
        "archive {} {order} {}",
        header.streamer_version, header.system_version
    )];
    for event in reader {
        lines.extend(event_lines(event.unwrap().kind));
    }
    lines
}

fn event_lines(kind: EventKind<'_>) -> Vec<String> {
    vec![match kind {
        EventKind::GroupBegin { encoding } => format!("group {}", hex(encoding.text)),
        EventKind::GroupEnd => "group ends".into(),
        EventKind::ObjectBegin { .. } => "object".into(),
        EventKind::ObjectEnd { .. } => "object ends".into(),
        EventKind::ObjectReference { index } => format!("reference object {index}"),
        EventKind::Class { name, version, .. } => format!("class {} {version}", hex(name.text)),
        EventKind::ClassReference { index } => format!("reference class {index}"),
        EventKind::CString { text, .. } => format!("C string {}", hex(text.text)),
        EventKind::CStringReference { index } => format!("reference C string {index}"),
        EventKind::NilObject
        | EventKind::NilClass
        | EventKind::NilCString
        | EventKind::ByteString(None)
        | EventKind::Ignored => "nil".into(),
        EventKind::Selector(name) => {
            format!(
                "selector {}",
                name.map_or("nil".into(), |name| hex(name.text))
            )
        }
        EventKind::Atom(text) => {
            format!("atom {}", text.map_or("nil".into(), |text| hex(text.text)))
        }
        EventKind::ByteString(Some(octets)) => format!("bytes {}", hex(octets)),
        EventKind::Number(Number::Boolean(value)) => format!("bool {}", u8::from(value)),
        EventKind::Number(number @ (Number::Float(_) | Number::Double(_))) => {
            format!("float {:016x}", number.as_f64().to_bits())
        }
        EventKind::Number(number) => format!("int {number}"),
        // It has no short form for these.
        EventKind::Octets {
            element: b'B',
            octets,
        } => {
            let begin = format!("array {} .42", octets.len());
            let values = octets.iter().map(|value| format!("bool {value}"));
            return [begin]
                .into_iter()
                .chain(values)
                .chain(["array ends".into()])
                .collect();
        }
        EventKind::Octets { element, octets } => {
            format!("octets {} {}", hex(&[element]), hex(octets))
        }
        EventKind::ArrayBegin { length, element } => format!("array {length} {}", hex(element)),
        EventKind::ArrayEnd => "array ends".into(),
        EventKind::StructBegin { name, fields } => {
            format!("struct {} {}", name.map_or("nil".into(), hex), hex(fields))
        }
        EventKind::StructEnd => "struct ends".into(),
    }]
}

fn hex(octets: &[u8]) -> String {
    let digits = octets.iter().map(|octet| format!("{octet:02x}"));
    std::iter::once(".".to_owned()).chain(digits).collect()
}
