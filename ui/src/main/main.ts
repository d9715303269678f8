import { mount } from "svelte";

import "../tokens.css";
import "../base.css";
import { ipc } from "../ipc";
import Main from "./Main.svelte";

const target = document.getElementById("app");
if (target) mount(Main, { target, props: { ipc } });
