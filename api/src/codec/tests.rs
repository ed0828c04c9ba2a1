//! Values in both forms, against postcard itself and against vectors that are written one by one.

use super::*;
use serde::Deserialize;
use serde::ser::SerializeSeq;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    values: Vec<Choice>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Choice {
    Number(u32),
    Text(String),
}

#[test]
fn values_go_there_and_back() {
    let value = (7_u64, "text".to_owned(), vec![Some(1.5_f64), None], HashMap::from([(1, 2)]));
    let bytes = encode(&value, vec![9]).unwrap();
    assert_eq!(
        decode::<(u64, String, Vec<Option<f64>>, HashMap<i32, i32>)>(&bytes[1..]),
        Ok(value)
    );
}

#[test]
fn says_which_part_needs_another_form() {
    let bytes = encode(&Inner { values: vec![Choice::Number(1)] }, Vec::new()).unwrap();
    let error = decode::<Inner>(&bytes).unwrap_err();
    assert_eq!(error.path, "[0][0]", "the first field, its first element");
    assert!(error.reason.contains("untagged"), "{error}");
    assert!(error.to_string().contains("Inner` at `[0][0]`: it uses"), "{error}");
}

#[test]
fn says_which_part_cannot_be_written() {
    #[derive(Serialize)]
    struct Outer {
        #[serde(flatten)]
        inner: HashMap<String, u32>,
    }
    let error = encode(&Outer { inner: HashMap::new() }, Vec::new()).unwrap_err();
    assert!(error.reason.contains("flatten"), "{error}");
}

/// Read back, `{ None, [1], [0, 0] }` was `{ Some([2]), [], [] }`.
#[test]
fn a_field_that_is_left_out_is_an_error_and_no_other_value() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<Vec<u8>>,
        second: Vec<u8>,
        third: Vec<u8>,
    }
    #[derive(Serialize)]
    enum Variant {
        Sparse {
            #[serde(skip_serializing_if = "String::is_empty")]
            name: String,
        },
    }
    let mut sparse = Sparse { first: Some(vec![]), second: vec![1], third: vec![0, 0] };
    assert_eq!(decode(&encode(&sparse, Vec::new()).unwrap()).as_ref(), Ok(&sparse));
    sparse.first = None;
    let inside = [(7_u8, sparse)];
    for error in [
        encode(&inside, Vec::new()).unwrap_err(),
        encode_for_anybody(&inside, Vec::new()).unwrap_err(),
    ] {
        assert!(error.reason.contains("`first` is left out"), "{error}");
    }
    let error = encode(&Variant::Sparse { name: String::new() }, Vec::new()).unwrap_err();
    assert!(error.reason.contains("skip_serializing_if"), "{error}");
}

#[test]
fn what_is_left_over_is_an_error() {
    let bytes = encode(&(1_u8, 2_u8), Vec::new()).unwrap();
    assert!(decode::<u8>(&bytes).unwrap_err().reason.contains("left over"));
    assert!(decode_from_anybody::<u8>(&bytes).unwrap_err().reason.contains("left over"));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Newtype(Box<str>),
    Tuple(u8, Vec<Shape>),
    Struct { name: String, inside: Option<Box<Shape>> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    shapes: Vec<Shape>,
    table: HashMap<String, (i8, f32, char)>,
    unit: (),
    blob: crate::Blob,
    deep: Vec<Vec<Option<[u16; 3]>>>,
}

#[test]
fn within_bounds_a_value_is_what_it_is_without() {
    let inside = Some(Box::new(Shape::Newtype("boxed".into())));
    let shape = Shape::Struct { name: "s".into(), inside };
    let value = Everything {
        shapes: vec![Shape::Nothing, Shape::Tuple(3, vec![shape])],
        table: HashMap::from([("key".into(), (-1, 0.5, 'x'))]),
        unit: (),
        blob: vec![7; 1000].into(),
        deep: vec![vec![None, Some([1, 2, 3])]; 50],
    };
    let bytes = encode_for_anybody(&value, Vec::new()).unwrap();
    assert_eq!(decode_from_anybody::<Everything>(&bytes).as_ref(), Ok(&value));
    let cut = decode_from_anybody::<Everything>(&bytes[..bytes.len() - 2]).unwrap_err();
    let bytes = encode(&value, Vec::new()).unwrap();
    let cut_again = decode::<Everything>(&bytes[..bytes.len() - 4]).unwrap_err();
    assert_eq!(cut, CodecError { path: cut.path.clone(), ..cut_again });
    assert_eq!(decode(&bytes), Ok(value));
    let many = encode_for_anybody(&vec![(); 60_000], Vec::new()).unwrap();
    assert_eq!(decode_from_anybody::<Vec<()>>(&many).unwrap().len(), 60_000);
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[test]
fn what_is_nested_too_deep_is_an_error() {
    // As deep as it may be, and one more.
    let chain = |depth| [vec![1; depth], vec![0]].concat();
    assert!(decode_from_anybody::<Chain>(&chain(128)).is_ok());
    for depth in [129, 10_000_000] {
        let error = decode_from_anybody::<Chain>(&chain(depth)).unwrap_err();
        assert!(error.reason.contains("128 levels"), "{error}");
    }
}

#[test]
fn what_is_nested_deeper_than_the_stack_is_an_error() {
    let chain = |depth| [vec![1; depth], vec![0]].concat();
    let read = move |depth| decode::<Chain>(&chain(depth));
    for stack in [256 << 10, 2 << 20] {
        let thread = std::thread::Builder::new().stack_size(stack);
        let (shallow, deep) =
            thread.spawn(move || (read(200), read(1_000_000))).unwrap().join().unwrap();
        let error = deep.unwrap_err();
        assert!(shallow.is_ok() && error.reason.contains("stack"), "{error}");
        assert!(error.path.len() < 100, "{error}");
    }
}

#[test]
#[expect(clippy::zero_sized_map_values, reason = "this is about them")]
fn nothing_a_thousand_million_times_is_an_error() {
    let endless = encode(&(u64::MAX >> 1), Vec::new()).unwrap();
    let endless = [&[0xFF; 8][..], &[0x7F], &endless].concat();
    assert!(decode_first::<Vec<()>>(&endless).unwrap_err().reason.contains("more elements"));
    assert!(decode_first::<HashMap<(), ()>>(&endless).is_err());
    assert!(decode_first::<Vec<Vec<()>>>(&[&[1][..], &endless].concat()).is_err());
    let many = encode(&vec![(); 1_000_000], Vec::new()).unwrap();
    assert_eq!(decode::<Vec<()>>(&many).unwrap().len(), 1_000_000);
}

#[test]
#[expect(clippy::zero_sized_map_values, reason = "this is about them")]
fn more_elements_than_bytes_are_an_error() {
    let endless = encode_for_anybody(&u64::MAX, Vec::new()).unwrap();
    for error in [
        decode_from_anybody::<Vec<()>>(&endless).unwrap_err(),
        decode_from_anybody::<HashMap<(), ()>>(&endless).unwrap_err(),
        decode_from_anybody::<Vec<[(); 9]>>(&endless).unwrap_err(),
    ] {
        assert!(error.reason.contains("more elements"), "{error}");
    }
    let many = [&[200, 1][..], &endless.repeat(200)].concat();
    assert!(decode_from_anybody::<Vec<Vec<()>>>(&many).is_err());
}

/// A vector as something that is no vector: element by element, in and out.
#[derive(Debug, PartialEq)]
struct OneByOne<T>(Vec<T>);

impl<T: Serialize> Serialize for OneByOne<T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut elements = to.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|element| elements.serialize_element(element))?;
        elements.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneByOne<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::collections::VecDeque::deserialize(from).map(|elements| Self(elements.into()))
    }
}

/// The same bytes, and the same back, whichever way it goes; cut off, it is an error.
fn goes_both_ways<F: Form, T>(vector: Vec<T>)
where
    T: Serialize + DeserializeOwned + PartialEq + fmt::Debug,
{
    let bytes = encode_as::<F, _>(&vector, Vec::new()).unwrap();
    for cut in (0..bytes.len()).rev().take(9) {
        assert!(decode_first_as::<F, Vec<T>>(&bytes[..cut]).is_err());
    }
    assert_eq!(encode_as::<F, _>(&vector.as_slice(), Vec::new()).unwrap(), bytes);
    let one_by_one = decode_first_as::<F, OneByOne<T>>(&bytes).unwrap().0;
    assert_eq!(encode_as::<F, _>(&one_by_one, Vec::new()).unwrap(), bytes);
    assert_eq!(one_by_one.0, vector);
    let nested = (7_u16, Some(vector), "behind".to_owned());
    let bytes = encode_as::<F, _>(&nested, Vec::new()).unwrap();
    assert_eq!(decode_first_as::<F, (u16, Option<Vec<T>>, String)>(&bytes).unwrap().0, nested);
}

macro_rules! all_numbers {
    ($($number:ident),*) => {
        proptest::proptest! {
            $(#[test]
            fn $number(vector: Vec<$number>) {
                goes_both_ways::<Family, _>(vector.clone());
                goes_both_ways::<Anybody, _>(vector);
            })*
        }
    };
}

/// A test for each type.
mod vectors_of {
    use super::*;

    numbers::for_numbers!(all_numbers);
    all_numbers!(bool, char);
}

type Numbers = (u16, u32, u64, u128, i8, i16, i32, i64, i128);
type Nested = (BTreeMap<String, (Option<f32>, bool)>, Vec<(i64, Option<Vec<u64>>)>, [char; 2]);

proptest::proptest! {
    #[test]
    fn strangers_get_what_postcard_writes(numbers: Numbers, nested: Nested, text: Option<String>) {
        let shape = Shape::Tuple(9, vec![Shape::Nothing, Shape::Newtype(text.unwrap_or_default().into())]);
        let value = (numbers, nested, vec![shape], ());
        let bytes = encode_for_anybody(&value, Vec::new()).unwrap();
        proptest::prop_assert_eq!(&bytes, &postcard::to_stdvec(&value).unwrap());
        proptest::prop_assert_eq!(decode_from_anybody(&bytes), Ok(value));
    }

    #[test]
    fn the_family_gets_what_was_written(numbers: Numbers, nested: Nested, text: Option<String>) {
        let value = (numbers, nested, text);
        let bytes = encode(&value, vec![1]).unwrap();
        proptest::prop_assert_eq!(decode(&bytes[1..]), Ok(value));
    }

    #[test]
    fn any_bytes_of_the_family_are_a_value_or_an_error(bytes: Vec<u8>) {
        drop(decode::<(Vec<Option<Shape>>, Nested, Numbers)>(&bytes));
        drop(decode::<(Vec<u8>, Vec<f64>, Vec<bool>, Vec<char>)>(&bytes));
    }
}

#[test]
fn what_is_no_such_value_is_an_error() {
    assert!(decode::<Vec<bool>>(&[2, 1, 2]).unwrap_err().reason.contains("truth value"));
    assert!(decode::<Vec<char>>(&[1, 2, b'a', b'b']).unwrap_err().reason.contains("character"));
    assert!(decode::<String>(&[1, 0xff]).unwrap_err().reason.contains("UTF-8"));
    let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7];
    assert!(decode::<Vec<u64>>(&endless).is_err());
    assert!(decode_from_anybody::<Vec<f64>>(&endless).is_err());
    assert_eq!(decode::<Vec<u64>>(&[0]), Ok(vec![]));
}

proptest::proptest! {
    #[test]
    fn any_bytes_of_a_stranger_are_a_value_or_an_error(bytes: Vec<u8>) {
        type Value = (Vec<Option<Shape>>, Vec<i32>, u128);
        let bounded = decode_from_anybody::<Value>(&bytes);
        let theirs = postcard::take_from_bytes::<Value>(&bytes);
        let theirs = theirs.ok().and_then(|(value, rest)| rest.is_empty().then_some(value));
        proptest::prop_assert!(bounded.is_err() || bounded.ok() == theirs);
    }
}
