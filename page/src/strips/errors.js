// A page that cannot be read, or is refused, with the reason and what to do
// (`StripError` in `ekg/strips/intake.py`).

import { InputError } from "../recording/errors.js";

export class StripError extends InputError {
  constructor(problem, remedy = null, file = null) {
    super(problem, { file, remedy });
    this.remedy = remedy;
  }
}
