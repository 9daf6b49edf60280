// Starts what the page has; each module looks for its own marks and does nothing without them.
import { startEvidence } from "./evidence.js";
import { startKeys } from "./keys.js";
import { startLease } from "./lease.js";
import { startRefresh } from "./refresh.js";
import { startWall } from "./wall.js";

document.querySelector("[data-focus]")?.focus();
startKeys();
startEvidence();
startLease();
startWall();
startRefresh();
// What only works with scripts appears when they are all awake.
document.documentElement.classList.add("has-scripts");
