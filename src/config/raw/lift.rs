//! What a `lift` step is written as.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::Text;

/// `true` for everything, the role of the servers that come back, or a table with when which phone has its turn.
#[derive(Debug)]
pub(in crate::config) enum Lift {
    All(bool),
    Role(String),
    InTurn(Box<InTurn>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct InTurn {
    pub(in crate::config) server: Text,
    pub(in crate::config) over: Text,
    pub(in crate::config) order: Text,
    pub(in crate::config) seed: Option<Spanned<i64>>,
}

/// By hand: what is wrong within the table is to be named there, which an untagged enum does not do.
impl<'de> Deserialize<'de> for Lift {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;

        impl<'de> Visitor<'de> for Kinds {
            type Value = Lift;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, \"primary\", \"backup\" or `{ over = \"30s\" }`")
            }

            fn visit_bool<E: Error>(self, all: bool) -> Result<Lift, E> {
                Ok(Lift::All(all))
            }

            fn visit_str<E: Error>(self, role: &str) -> Result<Lift, E> {
                Ok(Lift::Role(role.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Lift, A::Error> {
                InTurn::deserialize(MapAccessDeserializer::new(table)).map(|turns| Lift::InTurn(Box::new(turns)))
            }
        }

        deserializer.deserialize_any(Kinds)
    }
}
