/** Directions that are written into a model's residual stream while it runs. */

/** One direction at one layer. Zou et al. 2023, arXiv:2310.01405. */
export interface Steering {
  /** After which layer, from 0. */
  readonly layer: number;
  /** `add`: h + d; `remove`: h − (h·u)u with u = d/‖d‖. */
  readonly kind: 'add' | 'remove';
  /** Float32 [width]. */
  readonly direction: Float32Array;
}
