import { mount } from "svelte";

import "../tokens.css";
import "../base.css";
import { approvalIpc } from "../ipc";
import Approval from "./Approval.svelte";

const target = document.getElementById("app");
if (target) mount(Approval, { target, props: { ipc: approvalIpc } });
