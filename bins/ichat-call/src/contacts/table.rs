//! People as lines in columns: a telephone for whoever can be called, who it is, whether they are
//! there, what with, and what else there is to say.

use ichat_endpoint::{Person, PersonDevice, Reach};

use crate::output::safe;

/// A column grows no wider for one long name: its line is out of step then.
const WIDEST: usize = 44;

/// What is between two columns.
const GAP: &str = "  ";

struct Row {
    /// Who, availability, program. All but the last column has one width in all rows.
    cells: [String; 3],
    rest: String,
}

/// The lines, without spaces at their ends. What others wrote is made safe for a terminal.
pub(super) fn lines(people: &[Person]) -> Vec<String> {
    let rows: Vec<Row> = people.iter().flat_map(rows).collect();
    let widths: [usize; 3] = std::array::from_fn(|column| {
        let widths = rows.iter().filter_map(|row| row.cells.get(column));
        let widths = widths.map(|cell| width(cell));
        widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    });
    rows.iter().map(|row| line(row, widths)).collect()
}

fn line(row: &Row, widths: [usize; 3]) -> String {
    let mut line = String::new();
    for (cell, column) in row.cells.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(column.saturating_sub(width(cell))));
        line.push_str(GAP);
    }
    line.push_str(&row.rest);
    line.truncate(line.trim_end().len());
    line
}

/// The person, and a row for each device where there are several.
fn rows(person: &Person) -> Vec<Row> {
    let mut rows = vec![row(person)];
    if person.devices.len() > 1 {
        rows.extend(person.devices.iter().map(device));
    }
    rows
}

fn row(person: &Person) -> Row {
    let is_callable = person.reach == Reach::Callable;
    let mut who = format!("{} {}", telephone(is_callable), safe(&person.jid));
    if let Some(name) = &person.name {
        who.push_str(&format!(" ({})", safe(name)));
    }
    let mut rest = match &person.reach {
        Reach::Callable => "can be called".to_owned(),
        Reach::Not(why) => format!("cannot be called: {}", safe(why)),
    };
    if person.asks {
        rest.push_str("; asks to see you, and cannot call you before (answer --accept)");
    }
    if let Some(message) = &person.message {
        rest.push_str(&format!(" — {}", safe(message)));
    }
    let program = match (person.is_ichat, person.dialect) {
        (true, Some(dialect)) => format!("iChat, {dialect}"),
        (true, None) => "iChat".to_owned(),
        // A neighbour without capabilities, who is rung in this form all the same.
        (false, Some(dialect)) => format!("maybe iChat, {dialect}"),
        (false, None) if person.devices.is_empty() => "–".to_owned(),
        (false, None) => "no iChat".to_owned(),
    };
    Row {
        cells: [who, person.availability.to_owned(), program],
        rest,
    }
}

fn device(device: &PersonDevice) -> Row {
    let who = format!(
        "    {} {}",
        telephone(device.is_callable),
        safe(&device.jid)
    );
    let program = match device.dialect {
        Some(dialect) if device.is_ichat => format!("iChat, {dialect}"),
        Some(_) | None => "no iChat".to_owned(),
    };
    Row {
        cells: [who, device.availability.to_owned(), program],
        rest: String::new(),
    }
}

/// iChat's green telephone.
fn telephone(callable: bool) -> &'static str {
    if callable { "☎" } else { " " }
}

/// Columns of a terminal: letters of East Asia and pictures take two, marks on a letter none.
fn width(text: &str) -> usize {
    let columns = text.chars().map(|character| match u32::from(character) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    });
    columns.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contacts::tests::on_the_list;

    fn offline() -> Person {
        Person {
            jid: "otto@im.test".to_owned(),
            name: None,
            availability: "offline",
            message: None,
            is_ichat: false,
            dialect: None,
            reach: Reach::Not("not online".to_owned()),
            asks: true,
            devices: Vec::new(),
        }
    }

    fn neighbour() -> Person {
        Person {
            jid: "anna@powerbook".to_owned(),
            name: Some("Anna Example".to_owned()),
            availability: "do not disturb",
            dialect: Some("legacy"),
            asks: false,
            ..offline()
        }
    }

    #[test]
    fn everybody_stands_in_columns_with_what_they_are_there_with() {
        let people = [on_the_list(), offline(), neighbour()];
        let expected = [
            "☎ mac@im.test (Mac)              available       iChat, legacy        can be called — tea",
            "    ☎ mac@im.test/iChat          available       iChat, legacy",
            "      mac@im.test/psi            available       no iChat",
            "  otto@im.test                   offline         –                    cannot be called: not \
             online; asks to see you, and cannot call you before (answer --accept)",
            "  anna@powerbook (Anna Example)  do not disturb  maybe iChat, legacy  cannot be called: not \
             online",
        ];
        assert_eq!(lines(&people), expected);
    }

    #[test]
    fn columns_are_even_whatever_the_letters() {
        let named = |name: &str| Person {
            name: Some(name.to_owned()),
            ..on_the_list()
        };
        let people = ["Mac", "見本", "Zoe\u{308}", "Jürgen"].map(named);
        let lines = lines(&people);
        let at = |line: &String| {
            line.find("available")
                .and_then(|at| line.get(..at))
                .map(width)
        };
        assert!(
            lines.iter().all(|line| at(line) == at(&lines[0])),
            "{lines:#?}"
        );
    }

    #[test]
    fn one_long_name_moves_its_own_line_only() {
        let long = Person {
            jid: format!("{}@im.test", "x".repeat(200)),
            ..offline()
        };
        let without = lines(&[on_the_list()]);
        assert_eq!(lines(&[on_the_list(), long])[..3], without[..]);
    }

    #[test]
    fn nobody_steers_the_terminal_by_a_name_or_a_message() {
        let person = Person {
            jid: "a\u{9b}2J@b".to_owned(),
            name: Some("M\u{1b}[2J".to_owned()),
            message: Some("tea\ntime\u{7}".to_owned()),
            ..on_the_list()
        };
        let lines = lines(&[person]);
        assert!(
            lines.iter().all(|line| !line.contains(char::is_control)),
            "{lines:?}"
        );
        assert!(lines[0].ends_with("tea ⏎ time\u{fffd}"), "{lines:?}");
    }
}
