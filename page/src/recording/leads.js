// The twelve leads among a header's signals, and the limb leads that follow from I and II.

import rules from "../../assets/rules.js";
import { InputError } from "./errors.js";

const PREFIX = new RegExp(rules.leadPrefix);

/** Where each lead is among a header's signals, as [lead, place] in the order of the leads. */
export function placesOfLeads(header) {
  const known = new Map(rules.leads.map((lead) => [lead.toLowerCase(), lead]));
  const places = new Map();
  header.signals.forEach((signal, index) => {
    const lead = known.get(signal.name.toLowerCase().replace(PREFIX, ""));
    if (lead === undefined) return;
    if (places.has(lead)) {
      throw new InputError(
        `two signals are named ${lead}: the ${places.get(lead) + 1}. and the ${index + 1}.`,
        { file: header.fileName, remedy: "rename the wrong one" });
    }
    places.set(lead, index);
  });
  const missing = rules.leads.filter((lead) => !places.has(lead));
  if (!missing.every((lead) => lead in rules.derived)) {
    const names = header.signals.map((signal) => signal.name).join(", ");
    throw new InputError(
      `lead${missing.length > 1 ? "s" : ""} ${missing.join(", ")} missing ` +
      `(the header has ${header.signals.length}: ${names})`,
      {
        file: header.fileName,
        remedy: "a standard 12-lead recording is needed, or I, II and V1 to V6",
      });
  }
  return rules.leads.filter((lead) => places.has(lead)).map((lead) => [lead, places.get(lead)]);
}

/**
 * Add the limb leads that a recording leaves out.
 * @param {Map<string, Float64Array>} leads
 * @returns {string[]} the leads that were added
 */
export function completeLimbLeads(leads) {
  const computed = Object.keys(rules.derived).filter((lead) => !leads.has(lead));
  const [first, second] = [leads.get("I"), leads.get("II")];
  for (const lead of computed) {
    const [a, b] = rules.derived[lead];
    leads.set(lead, first.map((value, i) => a * value + b * second[i]));
  }
  return computed;
}

/** Say which leads were computed. */
export function computedWarning(computed) {
  const plural = computed.length > 1;
  return `lead${plural ? "s" : ""} ${computed.join(", ")} ${plural ? "are" : "is"} not in the ` +
    "recording and computed from leads I and II";
}
