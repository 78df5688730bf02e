"""Videos, stored reads, their pictures, search and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from waiting import until

ABSENT = "01M8GGMR5XH0FS38QYSS9326G0-00000001"


def sent(client: TestClient, video: Path) -> dict[str, Any]:
    """The job of a video, once it is over."""
    answer = client.post("/api/v1/videos", files={"video": ("cars.mp4", video.read_bytes())})
    assert answer.status_code == 202, answer.text
    place = answer.headers["location"]
    until(lambda: client.get(place).json()["status"] not in ("queued", "running"))
    job: dict[str, Any] = client.get(place).json()
    until(lambda: client.get(place).json()["reads"] >= 2)
    return {**job, **client.get(place).json()}


def test_a_video_is_read_and_its_reads_are_found_again(client: Any, video: Path) -> None:
    job = sent(client, video)
    assert (job["status"], job["frames"], job["total"], job["progress"], job["error"]) == ("done", 16, 16, 1.0, None)
    assert job["name"] == "cars.mp4"
    assert job["source"].endswith("/cars.mp4")

    lines = [json.loads(line) for line in client.get(f"/api/v1/jobs/{job['id']}/reads").text.splitlines()]
    assert [line["text"] for line in lines] == ["ABC1D23", "XYZ9876"]
    page = client.get("/api/v1/reads").json()
    assert [entry["read"]["text"] for entry in page["reads"]] == ["XYZ9876", "ABC1D23"]
    journal = (client.app_state["server"].places.root / "reads.jsonl").read_text().splitlines()
    assert [entry["read"] for entry in reversed(page["reads"])] == [json.loads(line) for line in journal] == lines

    newest = page["reads"][0]
    one = client.get(f"/api/v1/reads/{newest['id']}").json()
    assert one == newest
    for kind, head in (("lr", b"\x89PNG"), ("sr", b"\x89PNG"), ("frame", b"\xff\xd8")):
        picture = client.get(one["pictures"][kind])
        assert picture.status_code == 200
        assert picture.content.startswith(head)
    assert not (client.app_state["server"].places.jobs / job["id"] / "video").exists()


def test_reads_are_filtered_and_paged(client: TestClient, video: Path) -> None:
    source = sent(client, video)["source"]

    def texts(**filters: Any) -> list[str]:
        answer = client.get("/api/v1/reads", params=filters)
        assert answer.status_code == 200, answer.text
        return [entry["read"]["text"] for entry in answer.json()["reads"]]

    assert texts(camera=source) == ["XYZ9876", "ABC1D23"]
    assert texts(camera="elsewhere") == []
    assert texts(text="bc?d") == ["ABC1D23"]
    assert texts(text="*") == []
    assert texts(since="2020-01-01") == ["XYZ9876", "ABC1D23"]
    assert texts(until="2020-01-01T00:00:00Z") == []
    assert texts(hit=True) == []
    assert texts(hit=False) == ["XYZ9876", "ABC1D23"]
    first = client.get("/api/v1/reads", params={"limit": 1}).json()
    second = client.get("/api/v1/reads", params={"limit": 1, "cursor": first["next"]}).json()
    assert [first["reads"][0]["read"]["text"], second["reads"][0]["read"]["text"]] == ["XYZ9876", "ABC1D23"]
    assert second["next"] is None
    for wrong in ({"limit": 0}, {"cursor": "x"}, {"since": "yesterday"}, {"min_confidence": 2}, {"text": ""}):
        answer = client.get("/api/v1/reads", params=wrong)
        assert answer.status_code == 422
        assert next(iter(wrong)) in answer.json()["error"]


def test_what_was_seen_is_searched(client: TestClient, video: Path) -> None:
    sent(client, video)

    def found(**query: Any) -> list[str]:
        answer = client.get("/api/v1/search", params=query)
        assert answer.status_code == 200, answer.text
        return [entry["read"]["text"] for entry in answer.json()["found"]]

    assert found(text="ABC*") == ["ABC1D23"]
    assert found(text="ABC1D28", way="near") == ["ABC1D23"]
    assert found(text="ABC1D23", way="likely") == ["ABC1D23"]
    answer = client.get("/api/v1/search", params={"text": "ABC", "way": "pattern"})
    assert answer.status_code == 400
    assert "error" in answer.json()

    page = client.get("/search", params={"q": "abc"}).text
    assert "ABC1D23" in page
    assert "XYZ9876" not in page
    plate = client.get("/plates/ABC1D23").text
    assert "1 sighting" in plate
    assert "frame.jpg" in plate
    assert "was not read" in client.get("/plates/QQQ1Q11").text
    assert "XYZ9876" in client.get("/").text


def test_pages_escape_what_others_wrote(client: TestClient, video: Path) -> None:
    name = "<script>alert(1)</script>.mp4"
    answer = client.post("/api/v1/videos", files={"video": (name, video.read_bytes())})
    until(lambda: client.get(answer.headers["location"]).json()["reads"] >= 2)
    for path in ("/", "/search?q=<script>", "/plates/<script>", "/plates/ABC1D23"):
        assert "<script>" not in client.get(path).text.replace('<script src="/static/app.js" defer></script>', "")


def test_unknown_names_are_told(client: TestClient) -> None:
    for path in (f"/api/v1/reads/{ABSENT}", f"/api/v1/reads/{ABSENT}/lr.png", "/api/v1/reads/x", "/api/v1/jobs/x"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json().keys() == {"error"}
    assert client.get(f"/api/v1/reads/{ABSENT}/other.png").status_code == 422
    assert client.delete("/api/v1/jobs/x").status_code == 404
    assert client.get("/nowhere").json() == {"error": "Not Found"}


def test_videos_that_are_none_fail_in_one_line(client: TestClient) -> None:
    playlist = client.post("/api/v1/videos", content=b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    assert playlist.status_code == 415
    answer = client.post("/api/v1/videos", files={"video": ("a.mp4", b"\0\1\2\3" * 100)})
    place = answer.headers["location"]
    job = until(lambda: (told := client.get(place).json())["status"] == "failed" and told)
    assert job["error"].startswith(job["source"]) or "a.mp4" in job["error"]
    assert "/store/" not in job["error"]
    assert "\n" not in job["error"]


def test_videos_are_cancelled_and_bounded(make_client: Any, video: Path, monkeypatch: Any) -> None:
    client = make_client(max_jobs=2)
    jobs = client.app_state["server"].jobs
    monkeypatch.setattr(jobs, "_read", lambda job: job.stop.wait(60))
    places = []
    for status in (202, 202, 429):
        answer = client.post("/api/v1/videos", content=video.read_bytes())
        assert answer.status_code == status
        places.append(answer.headers.get("location"))
    assert int(answer.headers["retry-after"]) > 0
    running, queued, _ = places
    assert client.delete(queued).json()["status"] == "cancelled"
    client.delete(running)
    assert until(lambda: client.get(running).json()["status"] == "cancelled")
    client.delete(running)
    assert client.get(running).status_code == 404
