//! The little XML that a stream needs: a reader that is fed octets, and escaping.

use std::mem;

/// The most that one stanza may have.
const MAX_STANZA: usize = 1 << 20;
/// The deepest nesting.
const MAX_DEPTH: usize = 64;

/// An element with its namespace resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Without prefix.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) ns: String,
    attributes: Vec<(String, String)>,
    nodes: Vec<Node>,
    declared: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// An attribute, empty if it is missing.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.has(name).unwrap_or_default()
    }

    /// An attribute if it is there.
    pub(crate) fn has(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Sets an attribute that is not there yet.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.attributes.push((name.to_owned(), value.to_owned()));
    }

    /// What it declares for elements without a prefix.
    pub(crate) fn default_namespace(&self) -> &str {
        self.declared
            .iter()
            .find(|(prefix, _)| prefix.is_empty())
            .map_or("", |(_, ns)| ns)
    }

    /// The child elements.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of this name, in whatever namespace.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children().find(|child| child.name == name)
    }

    /// The text right in it.
    pub(crate) fn text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    fn push_text(&mut self, text: &str) {
        match self.nodes.last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            Some(Node::Element(_)) | None => self.nodes.push(Node::Text(text.to_owned())),
        }
    }

    /// Prints it again, for logs and for `--error-echo`.
    pub(crate) fn print(&self) -> String {
        let mut text = format!("<{} xmlns='{}'", self.name, escape(&self.ns));
        for (name, value) in &self.attributes {
            text.push_str(&format!(" {name}='{}'", escape(value)));
        }
        text.push('>');
        for node in &self.nodes {
            match node {
                Node::Element(element) => text.push_str(&element.print()),
                Node::Text(inner) => text.push_str(&escape(inner)),
            }
        }
        text.push_str(&format!("</{}>", self.name));
        text
    }
}

/// Text for an element or an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after
            .split_once(';')
            .ok_or_else(|| "an entity without an end".to_owned())?;
        let c = match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "apos" => '\'',
            "quot" => '"',
            _ => {
                let code = match entity.strip_prefix("#x") {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => entity
                        .strip_prefix('#')
                        .and_then(|number| number.parse().ok()),
                };
                code.and_then(char::from_u32)
                    .ok_or_else(|| format!("an unknown entity {entity:?}"))?
            }
        };
        plain.push(c);
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

/// What a stream gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// The stream's first tag.
    Header(Element),
    /// One whole element right under it.
    Stanza(Element),
    /// The stream's last tag.
    End,
}

/// Reads one XML stream.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    buffer: Vec<u8>,
    stack: Vec<Element>,
}

impl StreamReader {
    /// More octets from the wire.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next item, if it is whole.
    ///
    /// # Errors
    /// XML that is not well-formed.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, String> {
        while let Some(token) = self.token()? {
            if let Some(item) = self.take(&token)? {
                return Ok(Some(item));
            }
        }
        match self.buffer.len() > MAX_STANZA {
            true => Err(format!("a token of more than {MAX_STANZA} octets")),
            false => Ok(None),
        }
    }

    /// Cuts one tag, or the text before it, from the buffer.
    fn token(&mut self) -> Result<Option<String>, String> {
        let end = match self.buffer.first() {
            None => return Ok(None),
            Some(b'<') => {
                let mut quote = None;
                let found = self.buffer.iter().position(|octet| match quote {
                    Some(open) => {
                        if *octet == open {
                            quote = None;
                        }
                        false
                    }
                    None => {
                        if matches!(octet, b'\'' | b'"') {
                            quote = Some(*octet);
                        }
                        *octet == b'>'
                    }
                });
                found.map(|position| position + 1)
            }
            Some(_) => self.buffer.iter().position(|octet| *octet == b'<'),
        };
        let Some(end) = end else { return Ok(None) };
        let rest = self.buffer.split_off(end);
        let token = mem::replace(&mut self.buffer, rest);
        String::from_utf8(token)
            .map(Some)
            .map_err(|_| "no UTF-8".into())
    }

    fn take(&mut self, token: &str) -> Result<Option<Item>, String> {
        let Some(tag) = token
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
        else {
            let text = unescape(token)?;
            // Depth 1 is white space between stanzas.
            if self.stack.len() > 1
                && let Some(top) = self.stack.last_mut()
            {
                top.push_text(&text);
            }
            return Ok(None);
        };
        if tag.starts_with('?') {
            return Ok(None);
        }
        if tag.starts_with('!') {
            return Err("comments, CDATA and declarations have no place in a stream".into());
        }
        if let Some(name) = tag.strip_prefix('/') {
            return self.close(name.trim());
        }
        let empty = tag.ends_with('/');
        let element = self.open(tag.trim_end_matches('/'))?;
        if self.stack.is_empty() {
            self.stack.push(element.clone());
            return Ok(Some(Item::Header(element)));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        self.stack.push(element);
        match empty {
            true => Ok(self.finish()),
            false => Ok(None),
        }
    }

    fn close(&mut self, name: &str) -> Result<Option<Item>, String> {
        let local = name.rsplit(':').next().unwrap_or(name);
        match self.stack.last() {
            Some(top) if top.name == local => {}
            Some(top) => return Err(format!("</{name}> closes <{}>", top.name)),
            None => return Err(format!("</{name}> closes nothing")),
        }
        if self.stack.len() == 1 {
            self.stack.clear();
            return Ok(Some(Item::End));
        }
        Ok(self.finish())
    }

    fn finish(&mut self) -> Option<Item> {
        let element = self.stack.pop()?;
        match self.stack.len() {
            1 => return Some(Item::Stanza(element)),
            _ => self.stack.last_mut()?.nodes.push(Node::Element(element)),
        }
        None
    }

    fn open(&self, tag: &str) -> Result<Element, String> {
        let (name, mut rest) = match tag.find(char::is_whitespace) {
            Some(end) => tag.split_at(end),
            None => (tag, ""),
        };
        let mut element = Element::default();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let wrong = || format!("an attribute is broken in <{name}>");
            let (key, after) = rest.split_once('=').ok_or_else(wrong)?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let quote = quote.ok_or_else(wrong)?;
            let (value, after) = after[1..].split_once(quote).ok_or_else(wrong)?;
            let (key, value) = (key.trim().to_owned(), unescape(value)?);
            match key.strip_prefix("xmlns") {
                Some("") => element.declared.push((String::new(), value)),
                Some(prefix) => {
                    element
                        .declared
                        .push((prefix.trim_start_matches(':').to_owned(), value));
                }
                None => element.attributes.push((key, value)),
            }
            rest = after;
        }
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if local.is_empty() {
            return Err("a tag without a name".into());
        }
        element.name = local.to_owned();
        element.ns = std::iter::once(&element)
            .chain(self.stack.iter().rev())
            .flat_map(|scope| &scope.declared)
            .find(|(known, _)| known == prefix)
            .map(|(_, ns)| ns.clone())
            .unwrap_or_default();
        Ok(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='1'>";

    fn read(text: &str) -> Result<Vec<Item>, String> {
        let mut reader = StreamReader::default();
        let mut items = Vec::new();
        for octet in HEADER.bytes().chain(text.bytes()) {
            reader.push(&[octet]);
            while let Some(item) = reader.next()? {
                items.push(item);
            }
        }
        Ok(items.split_off(1))
    }

    #[test]
    fn a_stanza_comes_when_its_last_octet_has_come() {
        let items = read(
            "<iq id='a>b' type=\"set\"><query xmlns='x:y'><p:z xmlns:p='q'/>\nab\
                          &lt;&#65;&#x42;</query></iq> <stream:error/></stream:stream>",
        )
        .unwrap();
        let Item::Stanza(iq) = &items[0] else {
            panic!("{items:?}")
        };
        assert_eq!((iq.name.as_str(), iq.ns.as_str()), ("iq", "jabber:client"));
        assert_eq!(iq.attribute("id"), "a>b");
        let query = iq.child("query").unwrap();
        assert_eq!(query.ns, "x:y");
        assert_eq!(query.text(), "\nab<AB");
        assert_eq!(query.child("z").unwrap().ns, "q");
        let Item::Stanza(error) = &items[1] else {
            panic!("{items:?}")
        };
        assert_eq!(error.ns, "http://etherx.jabber.org/streams");
        assert_eq!(items[2], Item::End);
    }

    #[test]
    fn broken_xml_is_refused() {
        for text in [
            "<a></b>",
            "<a b></a>",
            "<a b=c/>",
            "<a>&no;</a>",
            "<!-- -->",
            "< >",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"<a>".repeat(100)).is_err());
    }

    #[test]
    fn an_element_prints_as_it_was() {
        let items = read("<a b='&apos;'><c xmlns='d'>&amp;</c></a>").unwrap();
        let Item::Stanza(element) = &items[0] else {
            panic!()
        };
        let again = read(&element.print()).unwrap();
        let Item::Stanza(element_again) = &again[0] else {
            panic!()
        };
        assert_eq!(element.print(), element_again.print());
    }
}
