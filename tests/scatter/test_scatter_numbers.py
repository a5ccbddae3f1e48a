"""Numbers beside the rounds of a scatter."""

import pandas as pd
import pytest

ROW = {"round": 0, "on": "truth", "n": 60, "n_anomalies": 10, "ranking": "s", "ap": 0.5, "auc": 0.75}
KNOWN = ROW | {"on": "known labels", "n": 5, "n_anomalies": 2, "ap_low": 0.25, "ap_high": 0.875}


def test_numbers_reach_every_view_and_those_that_come_later(show, new_session):
    scatter, browser = show(new_session())
    browser.ready()
    scatter.show_numbers(pd.DataFrame([ROW, KNOWN, KNOWN | {"ranking": "[l; s]", "ap": 1.0}]))
    [(said, _)] = browser.take()
    assert said["kind"] == "numbers"
    assert said["head"] == ["AP of s", "AP of s_uai", "AP of [l; s]", "AUC of s", "AUC of s_uai", "AUC of [l; s]"]
    known, truth = said["rounds"][0]
    assert (known[0], truth[0]) == ("known labels: 2 of 5", "truth: 10 of 60")
    assert known[1:4] == [["0.500", "0.25–0.88"], ["", ""], ["1.000", "0.25–0.88"]]
    assert truth[1] == ["0.500", ""]
    later = [content for content, _ in browser.ready("later") if content["kind"] == "numbers"]
    assert [(content["view"], content["rounds"]) for content in later] == [("later", said["rounds"])]


def test_the_caption_says_of_known_labels_and_of_them_alone_that_they_were_learned_from(show, new_session):
    scatter, browser = show(new_session())
    browser.ready()
    captions = []
    for rows in ([ROW, KNOWN], [ROW]):
        scatter.show_numbers(pd.DataFrame(rows))
        [(said, _)] = browser.take()
        captions.append(said["caption"])
    assert ["s_uai learned from them" in caption for caption in captions] == [True, False]
    assert all("anomalies of items measured, 95% limits" in caption for caption in captions)


def test_another_table_is_refused_with_what_it_lacks(show, new_session):
    scatter, _ = show(new_session())
    with pytest.raises(ValueError, match=r"no column auc: expected what uai\.views\.separability gives"):
        scatter.show_numbers(pd.DataFrame([ROW]).drop(columns="auc"))
