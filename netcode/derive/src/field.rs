//! One field: its type, its description in the schema, and its two conversions.

use crate::attribute::Rep;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Expr, Field, Ident, Type};

/// The numbers that can travel.
enum Number {
    Bool,
    Unsigned,
    Signed,
    Float { min: Box<Expr>, max: Box<Expr> },
}

/// A field that is replicated.
pub struct Replicated {
    ident: Ident,
    ty: Type,
    number: Number,
    bits: u32,
    rep: Rep,
}

impl Replicated {
    /// Understands a field; `None` when it is skipped.
    pub fn parse(field: &Field) -> Result<Option<Self>, Error> {
        let mut rep = Rep::of(field)?;
        if rep.skip {
            return Ok(None);
        }
        let type_name = match &field.ty {
            Type::Path(path) => path
                .path
                .get_ident()
                .map(Ident::to_string)
                .unwrap_or_default(),
            _ => String::new(),
        };
        let wrong = |what: &str| Error::new_spanned(&field.ty, what);
        let (number, width) = match type_name.as_str() {
            "bool" => (Number::Bool, 1),
            "u8" => (Number::Unsigned, 8),
            "u16" => (Number::Unsigned, 16),
            "u32" => (Number::Unsigned, 32),
            "i8" => (Number::Signed, 8),
            "i16" => (Number::Signed, 16),
            "i32" => (Number::Signed, 32),
            "f32" | "f64" => {
                let (Some(min), Some(max)) = (rep.min.take(), rep.max.take()) else {
                    return Err(wrong("a float needs `min`, `max` and `bits`"));
                };
                if rep.bits.is_none() {
                    return Err(wrong("a float needs `bits`"));
                }
                (
                    Number::Float {
                        min: Box::new(min),
                        max: Box::new(max),
                    },
                    32,
                )
            }
            _ => {
                return Err(wrong(
                    "only bool, u8 to u32, i8 to i32, f32 and f64 replicate",
                ));
            }
        };
        if rep.min.is_some() || rep.max.is_some() {
            return Err(wrong("`min` and `max` are for floats"));
        }
        if rep.wrap && !matches!(number, Number::Unsigned) {
            return Err(wrong("only an unsigned number can wrap"));
        }
        let bits = match &rep.bits {
            None => width,
            Some((bits, _)) if (1..=width).contains(bits) => *bits,
            Some((_, literal)) => {
                let what = format!("the width of this field is 1 to {width} bits");
                return Err(Error::new_spanned(literal, what));
            }
        };
        let ident = field
            .ident
            .clone()
            .unwrap_or_else(|| Ident::new("_", Span::call_site()));
        Ok(Some(Replicated {
            ident,
            ty: field.ty.clone(),
            number,
            bits,
            rep,
        }))
    }

    /// The field's entry in the schema.
    pub fn description(&self) -> TokenStream {
        let name = self.ident.to_string();
        let bits = self.bits as u8;
        let schema = quote!(ringside_netcode::schema);
        let kind = match &self.number {
            Number::Bool => quote!(Bool),
            Number::Unsigned if self.rep.wrap => quote!(Wrapping),
            Number::Unsigned => quote!(Unsigned),
            Number::Signed => quote!(Signed),
            Number::Float { min, max } => quote!(Ranged { min: (#min) as f64, max: (#max) as f64 }),
        };
        let predict = if self.rep.linear {
            quote!(Linear)
        } else {
            quote!(Same)
        };
        let scope = match (self.rep.once, self.rep.owner) {
            (true, _) => quote!(Once),
            (_, true) => quote!(Owner),
            _ => quote!(Always),
        };
        quote!(#schema::Field {
            name: #name,
            bits: #bits,
            kind: #schema::Kind::#kind,
            predict: #schema::Predict::#predict,
            scope: #schema::Scope::#scope,
        })
    }

    /// The statement that writes the field's raw value.
    pub fn store(&self, place: usize) -> TokenStream {
        let ident = &self.ident;
        let bits = self.bits;
        let mask = u32::MAX >> (32 - bits);
        let raw = match &self.number {
            Number::Bool => quote!(u32::from(self.#ident)),
            Number::Unsigned if self.rep.wrap => quote!(u32::from(self.#ident) & #mask),
            Number::Unsigned => quote!(u32::from(self.#ident).min(#mask)),
            Number::Signed => {
                let high = (mask >> 1) as i32;
                let low = -high - 1;
                quote!(i32::from(self.#ident).clamp(#low, #high) as u32 & #mask)
            }
            Number::Float { min, max } => {
                let ends = quote!((#min) as f64, (#max) as f64);
                quote!(ringside_netcode::schema::quantise(f64::from(self.#ident), #ends, #bits))
            }
        };
        quote!(row[#place] = #raw;)
    }

    /// The initialiser that reads the field's raw value.
    pub fn load(&self, place: usize) -> TokenStream {
        let (ident, ty, bits) = (&self.ident, &self.ty, self.bits);
        let value = match &self.number {
            Number::Bool => quote!(row[#place] != 0),
            Number::Unsigned => quote!(row[#place] as #ty),
            Number::Signed => {
                quote!(ringside_netcode::schema::sign_extend(row[#place], #bits) as #ty)
            }
            Number::Float { min, max } => {
                let ends = quote!((#min) as f64, (#max) as f64);
                quote!(ringside_netcode::schema::dequantise(row[#place], #ends, #bits) as #ty)
            }
        };
        quote!(#ident: #value)
    }
}
