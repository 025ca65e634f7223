// WebGL2: three instanced programs (floor, ribbons, sprites), all light added up in one pass.
//
// Colours are premultiplied: alpha 0 adds light, alpha 1 covers. So a puck's dark body and its glow are one quad.
import { PIECE, SPRITE } from "./batch.js";

const HEAD = `#version 300 es
precision highp float;
uniform vec4 u_camera; // x, y, zoom, seconds
uniform vec2 u_size;
uniform vec2 u_corner;
`;
const TO_CLIP = `vec4 clip(vec2 world) { return vec4((world - u_camera.xy) * u_camera.z / u_size * vec2(2., -2.), 0., 1.); }
`;
// The floor's pattern, used by the floor itself and by the light that falls on it.
const GRID = `
float lines(vec2 world, float step, float width) {
  vec2 d = abs(fract(world / step + .5) - .5) * step;
  float soft = max(1. / u_camera.z, .7);
  return smoothstep(width + soft, width, min(d.x, d.y));
}
float grid(vec2 world) {
  float far = length(world - 2048.);
  float soft = max(1.2 / u_camera.z, .9);
  float rings = max(smoothstep(1.2 + soft, 1.2, abs(far - 360.)), smoothstep(1. + soft, 1., abs(far - 60.)));
  return max(max(lines(world, 64., .35) * .45, lines(world, 512., 1.)), rings);
}
`;

const FLOOR_VERTEX = `${HEAD}
out vec2 v_world;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2. - 1.;
  v_world = u_camera.xy + corner * vec2(.5, -.5) * u_size / u_camera.z;
  gl_Position = vec4(corner, 0., 1.);
}`;
const FLOOR_FRAGMENT = `${HEAD}${GRID}
in vec2 v_world;
out vec4 o;
void main() {
  vec2 off = abs(v_world - 2048.) - 2048.;
  float wall = max(off.x, off.y);                    // below 0 inside
  float outside = length(max(off, 0.));
  vec2 screen = (gl_FragCoord.xy - u_corner) / u_size - .5;
  vec3 base = mix(vec3(.020, .034, .070), vec3(.022, .016, .044), smoothstep(300., 2600., length(v_world - 2048.)));
  // Tiles of slightly different dark: speed shows on them.
  vec2 tile = floor(v_world / 512.);
  base *= .86 + .28 * fract(sin(dot(tile, vec2(41.3, 289.1))) * 437.58);
  vec3 c = base + vec3(.10, .19, .36) * grid(v_world) * .34;
  c += vec3(.05, .13, .22) * exp(-length(v_world - 2048.) / 420.) * .6;
  // The wall: colour runs round it.
  float along = atan(v_world.y - 2048., v_world.x - 2048.);
  vec3 neon = .5 + .5 * cos(along * 2. + vec3(0., 2.1, 4.2) + vec3(3.4, 3.9, 4.4));
  neon = mix(vec3(.25, .75, 1.), neon, .55);
  float edge = wall > 0. ? outside : -wall;
  if (wall > 0.) c = vec3(.006, .008, .017) + vec3(.02, .03, .06) * smoothstep(.96, 1., sin((v_world.x + v_world.y) * .16)) * exp(-outside / 260.);
  c += neon * (exp(-edge / 5.) * 1.15 + exp(-edge / 46.) * .22);
  c *= 1. - dot(screen, screen) * .75;
  // A little noise, or dark gradients band on eight bits.
  c += (fract(sin(dot(gl_FragCoord.xy, vec2(12.9898, 78.233))) * 43758.5453) - .5) / 255.;
  o = vec4(c, 1.);
}`;

const RIBBON_VERTEX = `${HEAD}${TO_CLIP}
layout(location = 0) in vec4 a_ends;
layout(location = 1) in vec4 a_normals;
layout(location = 2) in vec4 a_width_alpha;
layout(location = 3) in vec3 a_colour;
out vec3 v_side; // across -1 to 1, alpha
out vec3 v_colour;
void main() {
  float along = float(gl_VertexID >> 1), across = float(gl_VertexID & 1) * 2. - 1.;
  vec2 at = mix(a_ends.xy, a_ends.zw, along) + mix(a_normals.xy * a_width_alpha.x, a_normals.zw * a_width_alpha.y, along) * across;
  v_side = vec3(across, mix(a_width_alpha.z, a_width_alpha.w, along), 0.);
  v_colour = a_colour;
  gl_Position = clip(at);
}`;
const RIBBON_FRAGMENT = `${HEAD}
in vec3 v_side;
in vec3 v_colour;
out vec4 o;
void main() {
  float d = v_side.x * v_side.x;
  float body = exp(-d * 4.5) * (1. - d);
  vec3 c = v_colour * body + vec3(1.) * exp(-d * 60.) * .35;
  o = vec4(c * v_side.y, 0.);
}`;

const SPRITE_VERTEX = `${HEAD}${TO_CLIP}
layout(location = 0) in vec4 a_place; // x, y, half width, half height
layout(location = 1) in vec2 a_turn; // rotation, shape
layout(location = 2) in vec4 a_colour;
out vec2 v_at;
out vec2 v_world;
out vec4 v_colour;
flat out int v_shape;
flat out vec2 v_half;
flat out float v_part;
void main() {
  v_at = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2. - 1.;
  v_shape = int(a_turn.y);
  v_half = a_place.zw;
  v_part = a_turn.x;
  float turn = v_shape == 8 ? 0. : a_turn.x;
  float s = sin(turn), c = cos(turn);
  v_world = a_place.xy + mat2(c, s, -s, c) * (v_at * a_place.zw);
  v_colour = a_colour;
  gl_Position = clip(v_world);
}`;
const SPRITE_FRAGMENT = `${HEAD}${GRID}
in vec2 v_at;
in vec2 v_world;
in vec4 v_colour;
flat in int v_shape;
flat in vec2 v_half;
flat in float v_part;
out vec4 o;
float box(vec2 p, vec2 half_size) {
  vec2 d = abs(p) - half_size;
  return length(max(d, 0.)) + min(max(d.x, d.y), 0.);
}
// The emblem within a puck: distance to its edge, in radii; below 0 inside.
float emblem(vec2 p, int kind) {
  if (kind == 0) return length(p) - .24;
  if (kind == 1) return max(dot(p, vec2(-1., 0.)) - .2, max(dot(p, vec2(.5, .866)), dot(p, vec2(.5, -.866))) - .2);
  if (kind == 2) return box(p, vec2(.22));
  if (kind == 3) return min(box(p, vec2(.34, .09)), box(p, vec2(.09, .34)));
  if (kind == 4) return box(p, vec2(.1, .36));
  return abs(length(p) - .27) - .07;
}
vec4 puck(vec2 p, int kind) {
  // Two radii to the quad's edge.
  p *= 2.;
  float r = length(p), soft = 4.8 / (u_camera.z * v_half.x);
  vec3 hue = v_colour.rgb;
  float body = smoothstep(1. + soft, 1. - soft, r);
  float rim = smoothstep(.13 + soft, .13 - soft, abs(r - .87));
  float mark = smoothstep(soft, -soft, emblem(p, kind));
  float core = exp(-r * r * 9.);
  float facing = p.x / max(r, .001);
  float arc = rim * smoothstep(.80, .86, facing);
  // The notch: a small triangle outside the rim.
  float notch = smoothstep(soft, -soft, max(abs(p.y) + (p.x - 1.52) * .62, 1.18 - p.x));
  vec3 c = (vec3(.014, .020, .042) + hue * .10 * (1. - r * r)) * body;
  c += hue * (rim * 1.05 + core * .55 + mark * .9) + vec3(1.) * (mark * .45 + arc * .75 + notch * .85 + rim * .12);
  c += hue * exp(-max(r - .9, 0.) * 3.6) * .34 * smoothstep(2., 1.2, r);
  return vec4(c * v_colour.a, body * .94 * v_colour.a);
}
vec3 well(float r) {
  float angle = atan(v_at.y, v_at.x), t = u_camera.w;
  float edge = exp(-abs(r - .93) * 60.) * (.75 + .25 * sin(angle * 24. + t * 2.));
  float runs = exp(-abs(fract(r * 2.4 + t * .45) - .5) * 12.) * smoothstep(.93, .75, r) * smoothstep(.0, .35, r);
  float floor_light = (.10 + .18 * exp(-r * r * 3.)) * smoothstep(.96, .9, r);
  float heart = exp(-r * r * 38.) * (.8 + .2 * sin(t * 3.));
  float petals = pow(abs(cos(angle * 3. + t * .35)), 14.) * smoothstep(.9, .2, r) * smoothstep(.05, .2, r) * .35;
  return v_colour.rgb * (edge + runs * .42 + floor_light + petals) + vec3(1., .95, .8) * heart;
}
void main() {
  float r = length(v_at);
  vec3 c = v_colour.rgb * v_colour.a;
  if (v_shape == 0) {
    float g = max(exp(-r * r * 5.) - .0067, 0.);
    o = vec4(c * g, 0.);
  } else if (v_shape == 5) {
    // A mote: bright in the middle, with four points.
    vec2 q = abs(v_at);
    float points = exp(-(q.x * q.y * 90. + max(q.x, q.y) * 4.2)) * 1.2;
    float g = exp(-r * r * 26.) * 1.5 + exp(-r * r * 5.) * .28;
    o = vec4((c * (g + points) + v_colour.a * exp(-r * r * 90.)) * smoothstep(1., .8, r), 0.);
  } else if (v_shape == 2) {
    // The same line on a small ring and a large one: 1.5 arena pixels each side, and a glow round it.
    float unit = fwidth(r) * u_camera.z, off = abs(r - .9);
    float ring = smoothstep(unit * 2.2, unit * .8, off) + exp(-off / unit * .22) * .3 * smoothstep(1., .94, r);
    o = vec4(c * ring, 0.);
  } else if (v_shape == 3) {
    float d = v_at.y * v_at.y + pow(max(abs(v_at.x) - .55, 0.) / .45, 2.);
    o = vec4((c + v_colour.a * exp(-d * 16.) * .5) * exp(-d * 6.) * (.5 + .5 * v_at.x), 0.);
  } else if (v_shape == 4) {
    float fall = pow(max(1. - r, 0.), 2.2);
    float inside = step(max(abs(v_world.x - 2048.), abs(v_world.y - 2048.)), 2048.);
    o = vec4(c * fall * (grid(v_world) * .9 + .09) * inside, 0.);
  } else if (v_shape == 6) {
    o = vec4(well(r) * v_colour.a * step(r, 1.), 0.);
  } else if (v_shape == 7) {
    // The quad is 40 pixels larger than the block on each side, for the glow.
    float d = box(v_at * v_half, v_half - 40. - 7.) - 7., soft = 1. / u_camera.z;
    float body = smoothstep(soft, -soft, d);
    float stripes = smoothstep(.93, 1., sin((v_world.x + v_world.y) * .11)) * smoothstep(-4., -18., d);
    vec3 k = (vec3(.012, .017, .036) + v_colour.rgb * (stripes * .05 + exp(d / 16.) * .10)) * body;
    k += v_colour.rgb * (exp(-abs(d) / 1.7) * .95 + exp(-max(d, 0.) / 13.) * .16 * smoothstep(40., 20., d));
    o = vec4(k * v_colour.a, body * .97);
  } else if (v_shape == 8) {
    float soft = fwidth(r) * 1.5, off = abs(r - .9);
    float turn = fract(atan(v_at.x, -v_at.y) / 6.28318 + 1.);
    o = vec4(c * smoothstep(.075 + soft, .075, off) * (turn < v_part ? 1. : .16), 0.);
  } else {
    o = puck(v_at, v_shape - 10);
  }
}`;

export class GlRenderer {
  kind = "webgl2";

  constructor(gl) {
    this.gl = gl;
    this.floor = this.#program(FLOOR_VERTEX, FLOOR_FRAGMENT, 0, []);
    this.ribbons = this.#program(RIBBON_VERTEX, RIBBON_FRAGMENT, PIECE, [4, 4, 4, 3]);
    this.sprites = this.#program(SPRITE_VERTEX, SPRITE_FRAGMENT, SPRITE, [4, 2, 4]);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** A program with its vertex array: instance attributes of the given sizes, one behind the other. */
  #program(vertex, fragment, stride, sizes) {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const logs = gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader));
      throw new Error(`a shader was refused: ${[...logs, gl.getProgramInfoLog(program)].join(" ")}`);
    }
    const vao = gl.createVertexArray();
    const buffer = gl.createBuffer();
    gl.bindVertexArray(vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    let offset = 0;
    sizes.forEach((size, location) => {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, size, gl.FLOAT, false, stride * 4, offset * 4);
      gl.vertexAttribDivisor(location, 1);
      offset += size;
    });
    return { program, vao, buffer, camera: gl.getUniformLocation(program, "u_camera"), size: gl.getUniformLocation(program, "u_size"), corner: gl.getUniformLocation(program, "u_corner") };
  }

  #draw({ program, vao, buffer, camera, size, corner }, view, floats) {
    const { gl } = this;
    gl.useProgram(program);
    gl.bindVertexArray(vao);
    gl.uniform4f(camera, view.x, view.y, view.zoom, view.seconds);
    gl.uniform2f(size, view.width, view.height);
    gl.uniform2f(corner, view.left, view.bottom);
    if (floats) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, floats.data.subarray(0, floats.count * floats.stride), gl.STREAM_DRAW);
    }
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, floats ? floats.count : 1);
  }

  /** Draws one pane: `view` is `{ x, y, zoom, seconds, left, bottom, width, height }`, pixels of the canvas. */
  draw(batch, view) {
    const { gl } = this;
    gl.viewport(view.left, view.bottom, view.width, view.height);
    gl.scissor(view.left, view.bottom, view.width, view.height);
    gl.enable(gl.SCISSOR_TEST);
    this.#draw(this.floor, view);
    if (batch.pieces.count) this.#draw(this.ribbons, view, batch.pieces);
    if (batch.sprites.count) this.#draw(this.sprites, view, batch.sprites);
  }
}
