//! Content-Length and Content-Type: RFC 3261 §20.14, §20.15.

use super::{HeaderName, Headers};

impl Headers {
    /// What the first Content-Length says, in octets. `None` where there is none or no number.
    ///
    /// A message's body was cut or kept by it already; see
    /// [`Message::parse`](crate::message::Message::parse).
    pub fn content_length(&self) -> Option<usize> {
        self.text(&HeaderName::ContentLength)?.parse().ok()
    }

    /// The media type of the body without its parameters, in lower case: `application/sdp`.
    pub fn media_type(&self) -> Option<String> {
        let text = self.text(&HeaderName::ContentType)?;
        let media_type = text.split(';').next().unwrap_or(text);
        let media_type: String = media_type.split_whitespace().collect();
        (!media_type.is_empty()).then(|| media_type.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_read_without_its_parameters() {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, "Text / PLAIN ; charset=utf-8");
        headers.push(HeaderName::ContentLength, "12");
        assert_eq!(headers.media_type().as_deref(), Some("text/plain"));
        assert_eq!(headers.content_length(), Some(12));
    }

    #[test]
    fn a_length_that_is_no_number_counts_as_none() {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentLength, "-999");
        assert_eq!(headers.content_length(), None);
    }
}
