//! Generates the browser's decoder: one JavaScript module and its types, from the layers of a
//! world, so that no field is described twice.
//!
//! The module is the [`Decoder`](crate::snapshot::Decoder)'s twin: the same answers to the same
//! bytes. It is plain ES2022 without imports, and checks nothing about who sent the bytes: the
//! handshake compares [`SCHEMA_HASH`](crate::snapshot::Layers::hash).

use crate::schema::{Field, Kind, Predict, Scope};
use crate::snapshot::Layers;
use core::fmt::Write;

/// The part of the module that does not depend on the schema.
const ENGINE: &str = include_str!("decoder.js");
const WRITING_IS_INFALLIBLE: &str = "writing to a String cannot fail";

/// A generated module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The JavaScript.
    pub javascript: String,
    /// Its TypeScript declarations.
    pub declarations: String,
}

/// Generates the decoder of a world with these layers.
pub fn generate(layers: &Layers) -> Module {
    Module {
        javascript: javascript(layers),
        declarations: declarations(layers),
    }
}

fn javascript(layers: &Layers) -> String {
    let mut out = String::from(
        "// Decodes snapshots of one game's world. Generated from the game's schema: change the\n\
         // schema and generate again, do not edit. Answers every frame exactly as the server's own\n\
         // decoder does; does not interpolate, predict, or talk to the network.\n\n",
    );
    let write = &mut out;
    writeln!(
        write,
        "/** To be compared with the server's before anything is decoded. */"
    )
    .and_then(|()| {
        writeln!(
            write,
            "export const SCHEMA_HASH = {:#010x};\n",
            layers.hash()
        )
    })
    .and_then(|()| {
        writeln!(
            write,
            "/** The layers, in the order by which frames name them. */"
        )
    })
    .and_then(|()| writeln!(write, "export const LAYERS = ["))
    .expect(WRITING_IS_INFALLIBLE);
    for (name, spec) in names(layers).iter().zip(&layers.specs) {
        let fields: String = spec.layout.schema.fields.iter().map(describe).collect();
        let cells = spec.cells;
        writeln!(
            write,
            "  {{\n    name: '{name}',\n    cells: {cells},\n    fields: [\n{fields}    ],\n  }},"
        )
        .expect(WRITING_IS_INFALLIBLE);
    }
    out.push_str("];\n\n/** Numbers of the layers by name. */\nexport const LAYER = {\n");
    for (number, name) in names(layers).iter().enumerate() {
        writeln!(out, "  {name}: {number},").expect(WRITING_IS_INFALLIBLE);
    }
    out.push_str("};\n");
    out.push_str(ENGINE);
    out
}

/// A field's entry in the module's table.
fn describe(field: &Field) -> String {
    let kind = match field.kind {
        Kind::Unsigned => "'unsigned'".into(),
        Kind::Wrapping => "'wrapping'".into(),
        Kind::Signed => "'signed'".into(),
        Kind::Bool => "'bool'".into(),
        Kind::Ranged { min, max } => format!("'ranged', min: {min:?}, max: {max:?}"),
    };
    let predict = match field.predict {
        Predict::Same => "same",
        Predict::Linear => "linear",
    };
    let scope = match field.scope {
        Scope::Always => "always",
        Scope::Once => "once",
        Scope::Owner => "owner",
    };
    format!(
        "      {{ name: '{}', bits: {}, kind: {kind}, predict: '{predict}', scope: '{scope}' }},\n",
        field.name, field.bits
    )
}

/// The layers' names: their types', numbered where one type has several layers.
fn names(layers: &Layers) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for spec in &layers.specs {
        let name = spec.layout.schema.name;
        let free = |n: &String| !names.contains(n);
        let mut numbered = (1..).map(|n| {
            if n == 1 {
                name.to_string()
            } else {
                format!("{name}{n}")
            }
        });
        names.push(numbered.find(free).unwrap_or_default());
    }
    names
}

fn declarations(layers: &Layers) -> String {
    let mut out = String::from(
        "// Types of the generated snapshot decoder. Generated from the game's schema: do not edit.\n\n\
         export declare const SCHEMA_HASH: number;\n\n",
    );
    let names = names(layers);
    for (name, spec) in names.iter().zip(&layers.specs) {
        writeln!(out, "export interface {name} {{").expect(WRITING_IS_INFALLIBLE);
        for field in spec.layout.schema.fields {
            let ty = if field.kind == Kind::Bool {
                "boolean"
            } else {
                "number"
            };
            writeln!(out, "  {}: {ty};", field.name).expect(WRITING_IS_INFALLIBLE);
        }
        out.push_str("}\n\n");
    }
    out.push_str("export declare const LAYER: {\n");
    for (number, name) in names.iter().enumerate() {
        writeln!(out, "  readonly {name}: {number};").expect(WRITING_IS_INFALLIBLE);
    }
    out.push_str("};\n");
    out.push_str(include_str!("types.d.ts"));
    for (number, name) in names.iter().enumerate() {
        writeln!(
            out,
            "  /** Every {name} in view. */\n  entities(layer: {number}): Generator<Entity<{name}>>;"
        )
        .expect(WRITING_IS_INFALLIBLE);
    }
    out.push_str("}\n");
    out
}
