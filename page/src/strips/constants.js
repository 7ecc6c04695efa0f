// What the Python reader (`ekg/strips`) knows: its constants by module, written by `page.assets`.

import constants from "../../assets/strips.js";

export default constants;
