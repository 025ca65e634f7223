//! Reads `#[rep(...)]`.

use syn::meta::ParseNestedMeta;
use syn::{Error, Expr, Field, Ident, LitInt};

/// What a field's attributes say.
#[derive(Default)]
pub struct Rep {
    pub bits: Option<(u32, LitInt)>,
    pub min: Option<Expr>,
    pub max: Option<Expr>,
    pub wrap: bool,
    pub linear: bool,
    pub once: bool,
    pub owner: bool,
    pub skip: bool,
}

impl Rep {
    /// Reads all `rep` attributes of a field.
    pub fn of(field: &Field) -> Result<Self, Error> {
        let mut rep = Rep::default();
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("rep")) {
            attribute.parse_nested_meta(|meta| rep.word(&meta))?;
        }
        if rep.once && rep.owner {
            return Err(Error::new_spanned(
                field,
                "a field is `once` or `owner`, not both",
            ));
        }
        if rep.linear && (rep.once || rep.owner) {
            let what = "only a field that everyone gets, whenever it changes, can be predicted";
            return Err(Error::new_spanned(field, what));
        }
        Ok(rep)
    }

    fn word(&mut self, meta: &ParseNestedMeta<'_>) -> Result<(), Error> {
        let word = meta
            .path
            .get_ident()
            .map(Ident::to_string)
            .unwrap_or_default();
        match word.as_str() {
            "bits" => {
                let literal: LitInt = meta.value()?.parse()?;
                self.bits = Some((literal.base10_parse()?, literal));
            }
            "min" => self.min = Some(meta.value()?.parse()?),
            "max" => self.max = Some(meta.value()?.parse()?),
            "predict" => {
                let how: Ident = meta.value()?.parse()?;
                if how != "linear" {
                    return Err(Error::new_spanned(how, "the only prediction is `linear`"));
                }
                self.linear = true;
            }
            "wrap" => self.wrap = true,
            "once" => self.once = true,
            "owner" => self.owner = true,
            "skip" => self.skip = true,
            _ => {
                let known = "expected bits, min, max, wrap, predict, once, owner or skip";
                return Err(meta.error(known));
            }
        }
        Ok(())
    }
}
