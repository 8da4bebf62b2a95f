//! Writes a large JSON object field by field.

use std::io;

use serde_json::Value;

/// An object that is being written.
pub(super) struct ObjectWriter<'w, W> {
    out: &'w mut W,
    is_empty: bool,
}

impl<'w, W: io::Write> ObjectWriter<'w, W> {
    /// Writes a whole object, whose fields `fields` writes.
    pub fn write(out: &'w mut W, fields: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        out.write_all(b"{")?;
        let mut object = Self { out, is_empty: true };
        fields(&mut object)?;
        object.out.write_all(b"}")
    }

    /// A field with a value that is at hand.
    pub fn value(&mut self, name: &str, value: &Value) -> io::Result<()> {
        self.name(name)?;
        serde_json::to_writer(&mut *self.out, value).map_err(io::Error::from)
    }

    /// A field with an object, whose fields `fields` writes.
    pub fn object(
        &mut self,
        name: &str,
        fields: impl FnOnce(&mut ObjectWriter<'_, W>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.name(name)?;
        ObjectWriter::write(self.out, fields)
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *self.out, name)?;
        self.out.write_all(b":")
    }
}
