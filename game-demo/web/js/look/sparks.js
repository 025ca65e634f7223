// Sparks: what is thrown off by bounces, dashes, hits; short streaks that slow down and fade.
//
// Promises: a bound on their number; none at all with reduced motion.
import { SPARK } from "./batch.js";

const SPARKS_MAX = 900;

export class Sparks {
  #all = [];

  constructor(calm) {
    this.calm = calm;
  }

  add(x, y, angle, speed, life, size, rgb) {
    if (this.calm || this.#all.length >= SPARKS_MAX) return;
    this.#all.push({ x, y, vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, life, left: life, size, rgb });
  }

  /** `around`: the middle direction; without it, all round. */
  burst(x, y, rgb, count, speed, around) {
    for (let i = 0; i < count; i++) {
      const angle = around === undefined ? Math.random() * 7 : around + (Math.random() - 0.5) * 1.7;
      this.add(x, y, angle, speed * (0.3 + Math.random()), 0.25 + Math.random() * 0.45, 5 + Math.random() * 7, rgb);
    }
  }

  draw(batch, dt) {
    const drag = Math.exp(-dt * 3.2);
    let kept = 0;
    for (const spark of this.#all) {
      spark.left -= dt;
      if (spark.left <= 0) continue;
      spark.x += spark.vx * dt;
      spark.y += spark.vy * dt;
      spark.vx *= drag;
      spark.vy *= drag;
      const length = spark.size * (0.6 + Math.hypot(spark.vx, spark.vy) / 130);
      const angle = Math.atan2(spark.vy, spark.vx);
      batch.sprite(SPARK, spark.x, spark.y, length, spark.size * 0.42, angle, spark.rgb, spark.left / spark.life);
      this.#all[kept++] = spark;
    }
    this.#all.length = kept;
  }
}
