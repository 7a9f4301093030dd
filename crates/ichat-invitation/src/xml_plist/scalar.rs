//! Numbers, dates and data from their characters.

use super::{Excerpt, XmlError};
use crate::bplist::Integer;

/// Days from the begin of 1970 to the begin of 2001, from which property lists count.
const EPOCH_DAYS: i64 = 11_323;

/// A whole number: decimal, or hexadecimal behind `0x`, of at most 64 bits with or without a sign.
pub(super) fn integer(text: &str, offset: usize) -> Result<Integer, XmlError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let magnitude = match hexadecimal {
        _ if digits.starts_with(['+', '-']) => None,
        Some(digits) if digits.starts_with(['+', '-']) => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse::<u64>().ok(),
    };
    let value = magnitude.map(|magnitude| {
        let magnitude = i128::from(magnitude);
        if negative { -magnitude } else { magnitude }
    });
    value
        .filter(|value| *value >= i64::MIN.into())
        .map(Integer::new)
        .ok_or_else(|| fault("a whole number of 64 bits", text, offset))
}

/// A floating-point number; `inf`, `infinity` and `nan` are read too.
pub(super) fn real(text: &str, offset: usize) -> Result<f64, XmlError> {
    text.parse()
        .map_err(|_| fault("a floating-point number", text, offset))
}

/// A date, `2001-01-01T00:00:00Z`, in seconds since the begin of 2001.
pub(super) fn date(text: &str, offset: usize) -> Result<f64, XmlError> {
    seconds(text).ok_or_else(|| fault("a date as 2001-01-01T00:00:00Z", text, offset))
}

fn seconds(text: &str) -> Option<f64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (before_christ, date) = match date.strip_prefix('-') {
        Some(date) => (true, date),
        None => (false, date),
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let year = if before_christ { -year } else { year };
    let in_range = (1..=12).contains(&month)
        && (1..=month_len(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    let days = i64::from(days(year, month, day)) - EPOCH_DAYS;
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    // Fifty bits at most: a year has at most six digits.
    in_range.then_some(seconds as f64)
}

/// Three numbers of at most six digits each.
fn numbers(text: &str, separator: char) -> Option<[i32; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let digits = (1..=6).contains(&part.len()) && part.bytes().all(|x| x.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn month_len(year: i32, month: i32) -> i32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the begin of 1970 in the Gregorian calendar, before its time too.
fn days(year: i32, month: i32, day: i32) -> i32 {
    // Years that begin in March have the day that comes and goes at their end.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // Days before a month that is counted from March: 0, 31, 61, 92, …
    let in_year = (153 * month + 2) / 5 + day - 1;
    // 719,468 days are between the first of March of year 0 and the begin of 1970.
    year * 365 + leap_days + in_year - 719_468
}

/// Data in base64; white space is skipped, padding may be missing.
pub(super) fn base64(text: &str, offset: usize) -> Result<Vec<u8>, XmlError> {
    let expected = "data in base64";
    let mut octets = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut bits = 0_u32;
    let mut digits = 0;
    let mut padding = 0;
    for (at, octet) in text.bytes().enumerate() {
        let bad = || fault(expected, text.get(at..).unwrap_or_default(), offset);
        let digit = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            _ => return Err(bad()),
        };
        if padding != 0 {
            return Err(bad());
        }
        bits = bits << 6 | u32::from(digit);
        digits += 1;
        if digits == 4 {
            let [_, a, b, c] = bits.to_be_bytes();
            octets.extend([a, b, c]);
            digits = 0;
        }
    }
    let [_, a, b, _] = (bits << (6 * (4 - digits))).to_be_bytes();
    match (digits, padding) {
        (0, 0) => {}
        (2, 0 | 2) => octets.push(a),
        (3, 0 | 1) => octets.extend([a, b]),
        _ => return Err(fault(expected, text, offset)),
    }
    Ok(octets)
}

fn fault(expected: &'static str, found: &str, offset: usize) -> XmlError {
    XmlError::Scalar {
        offset,
        expected,
        found: Excerpt::of(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_begin_of_1970() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2001, 1, 1), 11_323);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(1969, 12, 31), -1);
        assert_eq!(days(0, 3, 1), -719_468);
    }
}
