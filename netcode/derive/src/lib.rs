//! `#[derive(Replicate)]` for `ringside-netcode`: a struct's fields become its wire schema.
//!
//! The macro reads the `rep` attribute of each field and writes the trait's constant and its two
//! conversions. Mistakes (too many bits, a float without a range) are compile errors at the field.
//! It does not look beyond the struct: nested types, enums, strings and lists do not replicate.

#![forbid(unsafe_code)]

mod attribute;
mod field;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, parse_macro_input};

/// Derives `ringside_netcode::schema::Replicate` for a struct with named fields.
///
/// The name `ringside_netcode` must be in scope: as a dependency, or by a `use` of a crate that hands it on.
///
/// Field types are `bool`, `u8` to `u32`, `i8` to `i32`, `f32` and `f64`. Each field may have
/// `#[rep(...)]` with
///
/// - `bits = N`: its width, 1 to 32; by default that of its type. Values that do not fit are
///   clamped. A float must have one.
/// - `min = A, max = B`: the range of a float, mapped onto equal steps.
/// - `wrap`: the number is on a circle, such as a heading; too large values wrap.
/// - `predict = linear`: it is guessed to change as it did before.
/// - `once`: sent only when the entity comes into view; must not change after.
/// - `owner`: sent only to the entity's owner, in every frame.
/// - `skip`: not replicated; the default on the other side.
#[proc_macro_derive(Replicate, attributes(rep))]
pub fn replicate(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(input: &DeriveInput) -> Result<TokenStream, Error> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "only a struct can be replicated",
        ));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(Error::new_spanned(
            &input.ident,
            "only named fields can be replicated",
        ));
    };
    let mut sent = Vec::new();
    let mut skipped = Vec::new();
    for field in &named.named {
        match field::Replicated::parse(field)? {
            Some(replicated) => sent.push(replicated),
            None => skipped.extend(&field.ident),
        }
    }
    if sent.is_empty() || sent.len() > 64 {
        return Err(Error::new_spanned(
            &input.ident,
            "a schema has 1 to 64 replicated fields",
        ));
    }

    let ident = &input.ident;
    let name = ident.to_string();
    let (generics, type_generics, bounds) = input.generics.split_for_impl();
    let descriptions = sent.iter().map(field::Replicated::description);
    let stores = sent
        .iter()
        .enumerate()
        .map(|(place, field)| field.store(place));
    let loads = sent
        .iter()
        .enumerate()
        .map(|(place, field)| field.load(place));
    Ok(quote! {
        #[automatically_derived]
        impl #generics ringside_netcode::schema::Replicate for #ident #type_generics #bounds {
            const SCHEMA: ringside_netcode::schema::Schema =
                ringside_netcode::schema::Schema {
                    name: #name,
                    fields: &[#(#descriptions),*],
                };

            fn store(&self, row: &mut [u32]) {
                #(#stores)*
            }

            fn load(row: &[u32]) -> Self {
                Self {
                    #(#loads,)*
                    #(#skipped: ::core::default::Default::default(),)*
                }
            }
        }
    })
}
