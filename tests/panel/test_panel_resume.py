"""A panel on a resumed session shows what the panel before showed."""

from __future__ import annotations

import json

import uai_notebook as uai


def shown(panel) -> dict:
    """What a page gets, without what names the moment."""
    state = {name: value for name, value in panel.state.items() if name not in ("acks", "message_id", "status")}
    return {**state, "status": panel.state["status"].split(" · saved")[0], "cards": panel.cards}


def test_a_resumed_session_is_shown_as_it_was_and_nothing_is_trained(make, ds, tmp_path):
    session = make(path=tmp_path)
    session.train()
    session.label(session.queue, [1, 0, 0, -1, 0])
    session.train()
    session.label(session.queue[:2], [0, 1])
    session.undo()
    panel = uai.LabelPanel(session)
    before = json.loads(json.dumps(shown(panel)))
    panel.close()
    session.close()
    again = uai.ActiveSession.resume(tmp_path, ds)
    resumed = uai.LabelPanel(again)
    assert json.loads(json.dumps(shown(resumed))) == before
    assert not again.training
    assert before["undo"] is before["redo"] is True
    resumed.close()
    explorer = uai.Explorer(again)
    assert not again.training  # a new session would start to train by itself
    explorer.close()


def test_a_session_that_is_only_read_says_so_and_takes_nothing(make, ds, tmp_path):
    session = make(path=tmp_path)
    session.train()
    reader = uai.ActiveSession.resume(tmp_path, ds, read_only=True)
    panel = uai.LabelPanel(reader)
    assert panel.state["closed"] is True
    assert "read_only=True" in panel.state["message"]
    panel._receive(panel, {"kind": "label", "view": "v", "seq": 1, "index": 3, "label": 1, "next": None}, [])
    assert (reader.n_labels, session.n_labels) == (0, 0)
    panel.close()
