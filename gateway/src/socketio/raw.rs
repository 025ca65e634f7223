//! Arguments that are handed on as they came, without knowing their types.
//!
//! A relay or an echo has no types to parse into. The JSON stays text, with its placeholders, and the
//! attachments stay bytes.

use bytes::{BufMut, Bytes};
use ringside_proto::socketio::{Args, EncodeError, Kind, RESERVED_EVENTS};
use serde_json::value::RawValue;

/// Arguments of an event, unparsed.
#[derive(Clone, Debug, Default)]
pub struct RawArgs {
    /// The arguments as JSON, separated by commas, without the array's brackets.
    json: String,
    attachments: Vec<Bytes>,
}

impl RawArgs {
    /// Keeps the arguments of an event, without its name.
    ///
    /// # Errors
    /// The payload is not a JSON array.
    pub fn of_event(args: &Args<'_>) -> Result<Self, serde_json::Error> {
        let all: Vec<&RawValue> = serde_json::from_str(args.raw())?;
        let rest: Vec<&str> = all.iter().skip(1).map(|arg| arg.get()).collect();
        Ok(Self {
            json: rest.join(","),
            attachments: args.attachments().to_vec(),
        })
    }

    pub(crate) fn encode_event(
        &self,
        out: &mut impl BufMut,
        namespace: &str,
        event: &str,
    ) -> Result<Vec<Bytes>, EncodeError> {
        if RESERVED_EVENTS.contains(&event) {
            return Err(EncodeError::ReservedEventName);
        }
        self.put_head(out, (Kind::Event, Kind::BinaryEvent), namespace);
        out.put_u8(b'[');
        serde_json::to_writer((&mut *out).writer(), event)?;
        if !self.json.is_empty() {
            out.put_u8(b',');
        }
        out.put_slice(self.json.as_bytes());
        out.put_u8(b']');
        Ok(self.attachments.clone())
    }

    pub(crate) fn encode_ack(
        &self,
        out: &mut impl BufMut,
        namespace: &str,
        id: u64,
    ) -> Result<Vec<Bytes>, EncodeError> {
        self.put_head(out, (Kind::Ack, Kind::BinaryAck), namespace);
        out.put_slice(id.to_string().as_bytes());
        out.put_u8(b'[');
        out.put_slice(self.json.as_bytes());
        out.put_u8(b']');
        Ok(self.attachments.clone())
    }

    fn put_head(&self, out: &mut impl BufMut, (plain, binary): (Kind, Kind), namespace: &str) {
        if self.attachments.is_empty() {
            out.put_u8(plain.digit());
        } else {
            out.put_u8(binary.digit());
            out.put_slice(self.attachments.len().to_string().as_bytes());
            out.put_u8(b'-');
        }
        if namespace != "/" {
            out.put_slice(namespace.as_bytes());
            out.put_u8(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use ringside_proto::socketio::Packet;

    use super::*;

    #[test]
    fn arguments_come_out_as_they_went_in() {
        let packet =
            Packet::scan(r#"51-/x,7["a",{"_placeholder":true,"num":0}, [1, "]"] ]"#).unwrap();
        let attachments = [Bytes::from_static(b"\x01\x02")];
        let raw = RawArgs::of_event(&packet.args(&attachments)).unwrap();
        let mut out = Vec::new();
        assert_eq!(
            raw.encode_event(&mut out, "/x", "b\"").unwrap(),
            attachments
        );
        assert_eq!(
            out,
            br#"51-/x,["b\"",{"_placeholder":true,"num":0},[1, "]"]]"#
        );
        out.clear();
        raw.encode_ack(&mut out, "/", 12).unwrap();
        assert_eq!(out, br#"61-12[{"_placeholder":true,"num":0},[1, "]"]]"#);
        assert!(raw.encode_event(&mut out, "/", "connect").is_err());
    }
}
