// The types: they compile, strictly, and types/usage.ts is accepted and refused where it says so.
// And what the entry exports at run time is what it declares.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import ts from "typescript";
import * as entry from "../js/ringside.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

test("usage compiles, and only what is right", () => {
  const options = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, lib: ["lib.es2022.d.ts", "lib.dom.d.ts"], types: [], skipLibCheck: false };
  const program = ts.createProgram([at("types/usage.ts")], options);
  const found = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const where = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : "";
    return where + ts.flattenDiagnosticMessageText(messageText, "\n");
  });
  assert.deepEqual(found, []);
});

test("every export is declared, and every declared value is there", async () => {
  const text = await readFile(at("../js/ringside.d.ts"), "utf8");
  const declared = [...text.matchAll(/^export (?:const|class|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(new Set(Object.keys(entry)), new Set([...declared, "default"]));
});
