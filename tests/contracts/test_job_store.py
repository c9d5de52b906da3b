"""What every database must do for batch jobs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from db.collections import CollectionStore, StoredCollection
from db.jobs import Job, JobStore, QueueRules
from db.session import Database
from openeo_plugin.errors import OpenEOError

GRAPH = {"process_graph": {"add1": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}}
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(database: Database, clock: Clock) -> JobStore:
    return JobStore(database, clock=clock)


def queued(jobs: JobStore, owner: str, clock: Clock) -> Job:
    clock.advance(1)
    return jobs.enqueue(jobs.create(owner, GRAPH).id, owner)


def test_a_new_job_is_created_and_not_started(jobs: JobStore) -> None:
    job = jobs.create("ada", GRAPH, title="Sum", budget=5.5, additional={"job_options": {"x": [1]}})
    assert job == jobs.get(job.id, "ada")
    assert (job.status, job.title, job.budget, job.process) == ("created", "Sum", 5.5, GRAPH)
    assert (job.created, job.queued, job.progress, job.attempts) == (NOON, None, None, 0)
    assert job.additional == {"job_options": {"x": [1]}}
    assert len(job.id) == 32


def test_a_job_of_another_user_is_as_good_as_none(jobs: JobStore) -> None:
    id = jobs.create("ada", GRAPH).id
    for attempt in (jobs.get, jobs.delete, jobs.enqueue, jobs.cancel, jobs.update):
        with pytest.raises(OpenEOError) as raised:
            attempt(id, "eve")
        assert raised.value.code == "JobNotFound"
    assert jobs.list("eve") == []
    assert jobs.find(id).owner == "ada"


@pytest.mark.parametrize("id", ["nothing", "", "nul\x00", "\ud800", "' OR 1=1 --"])
def test_an_unknown_job_is_not_found(jobs: JobStore, id: str) -> None:
    with pytest.raises(OpenEOError) as raised:
        jobs.get(id, "ada")
    assert raised.value.code == "JobNotFound"


def test_jobs_are_listed_newest_first_and_in_pages(jobs: JobStore, clock: Clock) -> None:
    ids = [queued(jobs, "ada", clock).id for _ in range(5)]
    queued(jobs, "bob", clock)
    listed = jobs.list("ada")
    assert [job.id for job in listed] == ids[::-1]
    assert [job.id for job in jobs.list("ada", limit=2, after=(listed[0].created, listed[0].id))] == [ids[3], ids[2]]


def test_a_job_can_be_changed_until_it_is_queued(jobs: JobStore) -> None:
    job = jobs.create("ada", GRAPH)
    assert jobs.update(job.id, "ada", title="New", budget=None).title == "New"
    jobs.enqueue(job.id, "ada")
    with pytest.raises(OpenEOError) as raised:
        jobs.update(job.id, "ada", title="Newer")
    assert raised.value.code == "JobLocked"
    jobs.claim("w", 30)
    with pytest.raises(OpenEOError) as raised:
        jobs.update(job.id, "ada", title="Newer")
    assert raised.value.code == "JobLocked"


def test_a_property_that_is_not_the_users_can_not_be_changed(jobs: JobStore) -> None:
    job = jobs.create("ada", GRAPH)
    with pytest.raises(OpenEOError) as raised:
        jobs.update(job.id, "ada", status="finished")
    assert raised.value.code == "PropertyNotEditable"


def test_a_change_keeps_the_state(jobs: JobStore) -> None:
    job = jobs.create("ada", GRAPH)
    jobs.enqueue(job.id, "ada")
    jobs.claim("w", 30)
    jobs.finish(job.id, "w", {})
    assert jobs.update(job.id, "ada", title="Done").status == "finished"


def test_starting_a_job_twice_is_starting_it_once(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    clock.advance(10)
    assert jobs.enqueue(job.id, "ada") == job
    claimed = jobs.claim("w", 30)
    assert claimed is not None
    assert jobs.enqueue(job.id, "ada").status == "running"
    assert jobs.claim("w2", 30) is None


def test_a_claimed_job_runs_under_a_lease(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    claimed = jobs.claim("w", 30)
    assert claimed is not None
    assert (claimed.id, claimed.status, claimed.worker, claimed.attempts) == (job.id, "running", "w", 1)
    assert claimed.started == clock.now
    assert claimed.lease_until == clock.now + timedelta(seconds=30)
    assert jobs.held(["w", "other"]) == {"w"}


def test_nothing_queued_means_nothing_to_claim(jobs: JobStore) -> None:
    jobs.create("ada", GRAPH)
    assert jobs.claim("w", 30) is None


def test_users_take_turns_whoever_queued_most(jobs: JobStore, clock: Clock) -> None:
    a1, a2, a3 = (queued(jobs, "ada", clock) for _ in range(3))
    b1, b2 = (queued(jobs, "bob", clock) for _ in range(2))
    order = []
    for turn in range(5):
        clock.advance(1)
        job = jobs.claim(f"w{turn}", 30)
        assert job is not None
        order.append(job.id)
        jobs.finish(job.id, f"w{turn}", {})
    assert order == [a1.id, b1.id, a2.id, b2.id, a3.id]


def test_the_user_with_fewer_running_jobs_comes_first(jobs: JobStore, clock: Clock) -> None:
    for _ in range(3):
        queued(jobs, "ada", clock)
    assert jobs.claim("w1", 300) is not None
    assert jobs.claim("w2", 300) is not None
    late = queued(jobs, "bob", clock)
    claimed = jobs.claim("w3", 300)
    assert claimed is not None
    assert claimed.id == late.id


def test_a_user_has_no_more_running_jobs_than_allowed(database: Database, clock: Clock) -> None:
    jobs = JobStore(database, rules=QueueRules(running_per_user=1), clock=clock)
    first, second = queued(jobs, "ada", clock), queued(jobs, "ada", clock)
    assert jobs.claim("w1", 30) is not None
    assert jobs.claim("w2", 30) is None
    jobs.finish(first.id, "w1", {})
    claimed = jobs.claim("w2", 30)
    assert claimed is not None
    assert claimed.id == second.id


def test_no_two_workers_get_the_same_job(database: Database) -> None:
    jobs = JobStore(database)
    ids = {jobs.enqueue(jobs.create(f"user{n % 3}", GRAPH).id, f"user{n % 3}").id for n in range(24)}
    claimed: list[str] = []

    def work(worker: int) -> None:
        own = JobStore(Database(database.url.render_as_string(hide_password=False)))
        turn = 0
        while (job := own.claim(f"{worker}-{turn}", 60)) is not None:
            claimed.append(job.id)
            turn += 1
        own._database.dispose()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (rest := jobs.claim(f"rest-{len(claimed)}", 60)) is not None:  # SKIP LOCKED may leave one for later
        claimed.append(rest.id)
    assert sorted(claimed) == sorted(ids)


def test_the_limit_per_user_holds_among_workers_at_once(database: Database) -> None:
    rules = QueueRules(running_per_user=2)
    jobs = JobStore(database, rules=rules)
    for _ in range(12):
        jobs.enqueue(jobs.create("ada", GRAPH).id, "ada")
    start = threading.Barrier(4)

    def work(worker: int) -> None:
        own = JobStore(Database(database.url.render_as_string(hide_password=False)), rules=rules)
        start.wait()
        for turn in range(3):
            own.claim(f"{worker}-{turn}", 60)
        own._database.dispose()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(job.status == "running" for job in jobs.list("ada")) == 2


def test_a_heartbeat_renews_the_lease(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    clock.advance(20)
    assert jobs.heartbeat(job.id, "w", 30)
    clock.advance(20)
    assert jobs.claim("w2", 30) is None
    assert jobs.find(job.id).lease_until == NOON + timedelta(seconds=1 + 20 + 30)


def test_progress_never_goes_back_and_stays_between_0_and_100(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    seen = []
    for progress in (10.0, 40.0, 25.0, None, 250.0, -3.0):
        jobs.heartbeat(job.id, "w", 30, progress=progress)
        seen.append(jobs.find(job.id).progress)
    assert seen == [10.0, 40.0, 40.0, 40.0, 100.0, 100.0]


def test_usage_is_gathered(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    jobs.heartbeat(job.id, "w", 30, usage={"cpu": {"value": 1, "unit": "cpu-seconds"}})
    jobs.finish(job.id, "w", {"storage": {"value": 2, "unit": "mb"}})
    finished = jobs.find(job.id)
    assert finished.usage == {"cpu": {"value": 1, "unit": "cpu-seconds"}, "storage": {"value": 2, "unit": "mb"}}
    assert (finished.status, finished.progress, finished.worker, finished.lease_until) == ("finished", 100, None, None)
    assert finished.finished == clock.now


def test_a_job_whose_lease_ran_out_goes_to_another_worker(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w1", 30)
    jobs.heartbeat(job.id, "w1", 30, progress=60)
    clock.advance(31)
    again = jobs.claim("w2", 30)
    assert again is not None
    assert (again.id, again.worker, again.attempts, again.progress) == (job.id, "w2", 2, 60)
    assert [entry["level"] for entry in jobs.logs(job.id)] == ["warning"]


def test_whatever_a_lost_lease_writes_is_refused(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w1", 30)
    clock.advance(31)
    jobs.claim("w2", 30)
    assert not jobs.heartbeat(job.id, "w1", 30, progress=99)
    assert not jobs.log(job.id, "info", "late", worker_id="w1")
    assert not jobs.finish(job.id, "w1", {})
    assert not jobs.fail(job.id, "w1", {"code": "Internal", "message": "late"})
    jobs.release(job.id, "w1")
    now = jobs.find(job.id)
    assert (now.status, now.worker, now.progress, now.error) == ("running", "w2", None, None)
    assert not [entry for entry in jobs.logs(job.id) if entry["message"] == "late"]


def test_after_too_many_lost_workers_the_job_is_an_error_that_says_so(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    for attempt in range(3):
        assert jobs.claim(f"w{attempt}", 30) is not None
        clock.advance(31)
    assert jobs.claim("w4", 30) is None
    given_up = jobs.find(job.id)
    assert (given_up.status, given_up.worker) == ("error", None)
    assert given_up.error is not None
    assert "3 times" in given_up.error["message"]
    assert jobs.logs(job.id, level="error")[-1]["message"] == given_up.error["message"]


def test_a_failed_job_says_why_in_its_log(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    assert jobs.fail(job.id, "w", {"code": "NoDataAvailable", "message": "Node 'load': nothing there."})
    failed = jobs.find(job.id)
    assert (failed.status, failed.finished) == ("error", clock.now)
    assert failed.error == {"code": "NoDataAvailable", "message": "Node 'load': nothing there."}
    (entry,) = jobs.logs(job.id)
    assert (entry["level"], entry["code"], entry["message"]) == (
        "error",
        "NoDataAvailable",
        "Node 'load': nothing there.",
    )


def test_canceling_a_queued_job_makes_it_created_again(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    assert jobs.cancel(job.id, "ada").status == "created"
    assert jobs.claim("w", 30) is None


@pytest.mark.parametrize(("keeps_results", "status"), [(True, "canceled"), (False, "created")])
def test_canceling_a_running_job_takes_its_lease(
    jobs: JobStore, clock: Clock, keeps_results: bool, status: str
) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    assert jobs.cancel(job.id, "ada", keeps_results=keeps_results).status == status
    assert jobs.held(["w"]) == set()
    assert not jobs.heartbeat(job.id, "w", 30)
    assert not jobs.finish(job.id, "w", {})
    assert jobs.cancel(job.id, "ada").status == status


def test_canceling_has_no_effect_on_a_job_that_has_ended(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    jobs.finish(job.id, "w", {})
    assert jobs.cancel(job.id, "ada").status == "finished"
    assert jobs.cancel(jobs.create("ada", GRAPH).id, "ada").status == "created"


def test_a_canceled_job_started_again_waits_for_the_end_of_its_former_run(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w1", 30)
    jobs.cancel(job.id, "ada")
    assert jobs.enqueue(job.id, "ada").status == "queued"
    assert jobs.claim("w2", 30) is None
    jobs.release(job.id, "w1")
    claimed = jobs.claim("w2", 30)
    assert claimed is not None
    assert claimed.attempts == 1


def test_a_canceled_job_started_again_does_not_wait_for_a_dead_worker(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w1", 30)
    jobs.cancel(job.id, "ada")
    jobs.enqueue(job.id, "ada")
    clock.advance(31)
    assert jobs.claim("w2", 30) is not None


def test_a_released_job_can_be_claimed_at_once_and_was_not_tried(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w1", 30)
    jobs.release(job.id, "w1")
    assert (jobs.find(job.id).status, jobs.find(job.id).attempts) == ("queued", 0)
    claimed = jobs.claim("w2", 30)
    assert claimed is not None
    assert claimed.attempts == 1


def test_starting_a_job_again_forgets_what_was(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    jobs.fail(job.id, "w", {"code": "Internal", "message": "no"})
    again = jobs.enqueue(job.id, "ada")
    assert (again.status, again.error, again.progress, again.started, again.finished) == (
        "queued",
        None,
        None,
        None,
        None,
    )


def test_a_job_started_again_has_a_new_log_whose_entries_stand_behind_the_old_ones(
    jobs: JobStore, clock: Clock
) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    for number in range(3):
        jobs.log(job.id, "info", str(number))
    jobs.finish(job.id, "w")
    last = jobs.logs(job.id)[-1]["id"]
    jobs.enqueue(job.id, "ada")
    jobs.log(job.id, "info", "new")
    assert [entry["message"] for entry in jobs.logs(job.id)] == ["The job was started again.", "new"]
    assert jobs.logs(job.id, offset=last) == jobs.logs(job.id)


def test_a_log_that_is_full_says_so_once_and_still_takes_the_error_at_the_end(database: Database, clock: Clock) -> None:
    jobs = JobStore(database, clock=clock, log_entries_max=2)
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    for number in range(5):
        assert jobs.log(job.id, "info", str(number), worker_id="w")
    jobs.fail(job.id, "w", {"code": "Internal", "message": "It broke."})
    found = [entry["message"] for entry in jobs.logs(job.id)]
    assert (found[:2], found[3:]) == (["0", "1"], ["It broke."])
    assert found[2].startswith("The log is full")
    jobs.enqueue(job.id, "ada")
    assert jobs.log(job.id, "info", "again")
    assert jobs.logs(job.id)[-1]["message"] == "again"


def test_results_are_stored_with_the_end_of_the_job_or_not_at_all(
    database: Database, jobs: JobStore, clock: Clock
) -> None:
    collections = CollectionStore(database)
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    result, revealed = StoredCollection({"id": job.id}, [{"id": "one", "properties": {}}]), []
    before = collections.revision()
    assert not jobs.finish(job.id, "another", result=result, reveal=lambda: revealed.append(1))
    assert (collections.list("ada"), revealed, collections.revision()) == ([], [], before)

    def refused() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        jobs.finish(job.id, "w", result=result, reveal=refused)
    assert (jobs.find(job.id).status, collections.list("ada")) == ("running", [])
    assert jobs.finish(job.id, "w", result=result, reveal=lambda: revealed.append(1))
    assert (jobs.find(job.id).status, revealed) == ("finished", [1])
    assert (collections.get(job.id, "ada"), collections.count_items(job.id)) == ({"id": job.id}, 1)
    assert collections.revision() > before


def test_a_canceled_job_is_created_again_unless_a_former_result_is_left(
    database: Database, jobs: JobStore, clock: Clock
) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w1", 30)
    assert jobs.cancel(job.id, "ada").status == "created"
    jobs.release(job.id, "w1")
    jobs.enqueue(job.id, "ada")
    jobs.claim("w2", 30)
    jobs.finish(job.id, "w2", result=StoredCollection({"id": job.id}, []))
    jobs.enqueue(job.id, "ada")
    jobs.claim("w3", 30)
    assert jobs.cancel(job.id, "ada").status == "canceled"
    assert not jobs.withdraw_results(job.id, "w3")
    jobs.release(job.id, "w3")
    jobs.enqueue(job.id, "ada")
    jobs.claim("w4", 30)
    assert jobs.withdraw_results(job.id, "w4")
    assert CollectionStore(database).list("ada") == []
    assert jobs.cancel(job.id, "ada").status == "created"


def test_what_a_running_job_is_at_is_known_while_it_runs(jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    jobs.heartbeat(job.id, "w", 30, phase="computing", eta_s=12.5)
    assert (jobs.find(job.id).phase, jobs.find(job.id).eta_s) == ("computing", 12.5)
    jobs.heartbeat(job.id, "w", 30)
    assert jobs.find(job.id).phase == "computing"
    jobs.finish(job.id, "w")
    assert (jobs.find(job.id).phase, jobs.find(job.id).eta_s) == (None, None)


def test_states_and_leases_are_told_of_many_jobs_at_once(jobs: JobStore, clock: Clock) -> None:
    first, second = queued(jobs, "ada", clock), queued(jobs, "bob", clock)
    jobs.claim("w", 30)
    assert jobs.states([first.id, second.id, "none"]) == {first.id: ("running", "w"), second.id: ("queued", None)}


def test_deleting_a_job_takes_everything_of_it(database: Database, jobs: JobStore, clock: Clock) -> None:
    job = queued(jobs, "ada", clock)
    jobs.claim("w", 30)
    jobs.log(job.id, "info", "hello")
    collections = CollectionStore(database)
    collections.put({"id": job.id}, [], owner="ada", kind="result", job_id=job.id)
    before = collections.revision()
    jobs.delete(job.id, "ada")
    assert jobs.logs(job.id) == []
    assert collections.list("ada") == []
    assert collections.revision() > before
    assert jobs.held(["w"]) == set()
    assert not jobs.log(job.id, "info", "late", worker_id="w")
    assert not jobs.log(job.id, "info", "late")


def test_logs_are_read_in_order_from_an_offset_and_by_level(jobs: JobStore, clock: Clock) -> None:
    job = jobs.create("ada", GRAPH, log_level="debug")
    for level in ("debug", "info", "warning", "error"):
        jobs.log(job.id, level, f"a {level}", path=[{"node_id": "n"}], code=None)
    entries = jobs.logs(job.id)
    assert [entry["message"] for entry in entries] == ["a debug", "a info", "a warning", "a error"]
    assert entries[0].keys() == {"id", "level", "message", "time", "path"}
    assert entries[0]["time"] == "2024-06-01T12:00:00.000Z"
    assert entries[0]["path"] == [{"node_id": "n"}]
    assert [entry["level"] for entry in jobs.logs(job.id, offset=entries[1]["id"])] == ["warning", "error"]
    assert [entry["level"] for entry in jobs.logs(job.id, level="warning")] == ["warning", "error"]
    assert [entry["level"] for entry in jobs.logs(job.id, limit=1)] == ["debug"]


def test_entries_less_severe_than_the_jobs_log_level_are_not_kept(jobs: JobStore) -> None:
    job = jobs.create("ada", GRAPH, log_level="warning")
    assert jobs.log(job.id, "info", "no")
    assert jobs.log(job.id, "error", "yes")
    assert [entry["message"] for entry in jobs.logs(job.id)] == ["yes"]


@pytest.mark.parametrize("offset", ["x", "-1", "1.5", "٣", "9" * 40])
def test_an_offset_that_is_no_entrys_id_is_refused(jobs: JobStore, offset: str) -> None:
    with pytest.raises(OpenEOError) as raised:
        jobs.logs(jobs.create("ada", GRAPH).id, offset=offset)
    assert raised.value.code == "RequestInvalid"


def test_a_log_message_is_cut_at_its_limit_and_survives_nul(jobs: JobStore) -> None:
    job = jobs.create("ada", GRAPH)
    jobs.log(job.id, "info", "x" * 20_000)
    jobs.log(job.id, "info", "a\x00b")
    long, nul = jobs.logs(job.id)
    assert len(long["message"]) == 10_000
    assert nul["message"] == "a\ufffdb"
