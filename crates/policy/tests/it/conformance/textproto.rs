//! The text form of protocol buffers, as far as the conformance files use it.
//!
//! <https://protobuf.dev/reference/protobuf/textformat-spec/>

/// Fields in order.
#[derive(Debug, Default)]
pub(crate) struct Message(pub(crate) Vec<(String, Field)>);

/// The value of a field.
#[derive(Debug)]
pub(crate) enum Field {
    Message(Message),
    /// A number, an enum or a text, with its octets.
    Scalar(String, Vec<u8>),
}

impl Field {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(text, _) => Some(text),
            Self::Message(_) => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Scalar(_, bytes) => Some(bytes),
            Self::Message(_) => None,
        }
    }

    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Scalar(..) => None,
        }
    }
}

impl Message {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name)?.1.text()
    }

    pub(crate) fn message(&self, name: &str) -> Option<&Self> {
        self.0.iter().find(|(own, _)| own == name)?.1.message()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.0
            .iter()
            .filter(move |(own, _)| own == name)
            .filter_map(|(_, field)| field.message())
    }
}

/// Reads a message.
pub(crate) fn parse(text: &str) -> Result<Message, String> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    reader.message(None)
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn skip(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'#' => {
                    while self.peek_raw().is_some_and(|b| b != b'\n') {
                        self.at += 1;
                    }
                }
                b if b.is_ascii_whitespace() || b == b',' || b == b';' => {
                    self.at += 1;
                }
                _ => return,
            }
        }
    }

    fn peek_raw(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip();
        self.peek_raw()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn message(&mut self, end: Option<u8>) -> Result<Message, String> {
        let mut fields = Vec::new();
        loop {
            match (self.peek(), end) {
                (None, None) => return Ok(Message(fields)),
                (None, Some(_)) => return Err("the file ends too early".into()),
                (Some(byte), Some(end)) if byte == end => {
                    self.at += 1;
                    return Ok(Message(fields));
                }
                _ => {}
            }
            let name = self.name()?;
            self.take(b':');
            if self.take(b'[') {
                while !self.take(b']') {
                    let field = self.value()?;
                    fields.push((name.clone(), field));
                }
            } else {
                let field = self.value()?;
                fields.push((name, field));
            }
        }
    }

    fn name(&mut self) -> Result<String, String> {
        if self.take(b'[') {
            let name = self.word(b"./-_");
            return match self.take(b']') {
                true => Ok(name),
                false => Err(format!("at {}: `]` is missing", self.at)),
            };
        }
        let name = self.word(b"_");
        match name.is_empty() {
            true => Err(format!("at {}: a name is missing", self.at)),
            false => Ok(name),
        }
    }

    fn word(&mut self, also: &[u8]) -> String {
        self.skip();
        let start = self.at;
        while self
            .peek_raw()
            .is_some_and(|b| b.is_ascii_alphanumeric() || also.contains(&b))
        {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }

    fn value(&mut self) -> Result<Field, String> {
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                Ok(Field::Message(self.message(Some(b'}'))?))
            }
            Some(b'<') => {
                self.at += 1;
                Ok(Field::Message(self.message(Some(b'>'))?))
            }
            Some(b'"' | b'\'') => {
                let mut bytes = Vec::new();
                while let Some(quote @ (b'"' | b'\'')) = self.peek() {
                    self.at += 1;
                    self.string(quote, &mut bytes)?;
                }
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Ok(Field::Scalar(text, bytes))
            }
            _ => {
                let word = self.word(b"_+-.");
                match word.is_empty() {
                    true => Err(format!("at {}: a value is missing", self.at)),
                    false => Ok(Field::Scalar(word.clone(), word.into())),
                }
            }
        }
    }

    fn string(&mut self, quote: u8, out: &mut Vec<u8>) -> Result<(), String> {
        loop {
            let byte = self.peek_raw().ok_or("a text does not end")?;
            self.at += 1;
            match byte {
                b if b == quote => return Ok(()),
                b'\\' => self.escape(out)?,
                b => out.push(b),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let byte = self.peek_raw().ok_or("an escape does not end")?;
        self.at += 1;
        match byte {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'x' => {
                let value = self.digits(16, 2)?;
                out.push(u8::try_from(value).map_err(|e| e.to_string())?);
            }
            b'u' => self.unicode(4, out)?,
            b'U' => self.unicode(8, out)?,
            b'0'..=b'7' => {
                self.at -= 1;
                let value = self.digits(8, 3)?;
                out.push(u8::try_from(value).map_err(|e| e.to_string())?);
            }
            other => out.push(other),
        }
        Ok(())
    }

    fn unicode(
        &mut self,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let value = self.digits(16, most)?;
        let c = char::from_u32(value).ok_or("no character")?;
        out.extend(c.to_string().bytes());
        Ok(())
    }

    fn digits(&mut self, radix: u32, most: usize) -> Result<u32, String> {
        let start = self.at;
        while self.at < start + most
            && self.peek_raw().is_some_and(|b| (b as char).is_digit(radix))
        {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.bytes[start..self.at]);
        u32::from_str_radix(&text, radix).map_err(|e| e.to_string())
    }
}
