"""Pure decisions: which targets, in which order, and what to do after each outcome."""
