import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from minicap.cpu.threads import Accumulator, Scratch, _blas, run_blocks, scratch, thread_count


def blas_threads():
    """Of the BLAS that NumPy uses; others (SciPy's, once something has loaded it) have no part in our products."""
    return [library["num_threads"] for library in _blas().info()]


@pytest.fixture
def two_threads():
    with threadpool_limits(2, "blas"):
        if thread_count() < 2:
            pytest.skip("this BLAS has one thread only")
        yield


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("blocks", [0, 1, 2, 7])
def test_every_block_is_done_once(threads, blocks):
    done = []
    with threadpool_limits(threads, "blas"):
        run_blocks(lambda *block: done.append(block), [(n, -n) for n in range(blocks)])
    assert sorted(done) == [(n, -n) for n in range(blocks)]


def test_two_blocks_run_at_the_same_time(two_threads):
    both = threading.Barrier(2)
    run_blocks(lambda _: both.wait(timeout=30), [(0,), (1,)])  # BrokenBarrierError if one waits for the other's end


def test_what_the_caller_wants_to_hear_of_overflows_holds_in_all_threads(two_threads):
    def overflow(_):
        np.float32(3e38) * np.float32(10)

    with np.errstate(over="ignore"):
        run_blocks(overflow, [(0,), (1,)])
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        run_blocks(lambda part: overflow(part) if part else None, [(0,), (1,)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_was_forked_has_threads_of_its_own(two_threads):
    run_blocks(lambda _: None, [(0,), (1,)])  # now there is a pool
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # which kills a process that waits for ever
        both = threading.Barrier(2)
        run_blocks(lambda _: both.wait(timeout=10), [(0,), (1,)])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_one_thread_is_enough_where_blas_is_held_to_one():
    here = set()
    with threadpool_limits(1, "blas"):
        assert thread_count() == 1
        run_blocks(lambda _: here.add(threading.get_ident()), [(n,) for n in range(4)])
    assert here == {threading.get_ident()}


def test_blocks_inside_a_block_stay_in_its_thread(two_threads):
    inner = {}

    def block(n):
        me = threading.get_ident()
        run_blocks(lambda _: inner.setdefault(n, set()).add(threading.get_ident() == me), [(0,), (1,), (2,)])

    run_blocks(block, [(0,), (1,), (2,)])
    assert inner == {0: {True}, 1: {True}, 2: {True}}


def test_blas_has_one_thread_in_a_block_and_all_of_them_back_afterwards():
    with threadpool_limits(2, "blas"):
        before, inside = blas_threads(), []
        run_blocks(lambda: inside.append(blas_threads()), [(), ()])
        assert all(n == 1 for counts in inside for n in counts) and len(inside) == 2
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError):
            run_blocks(lambda n: 1 / n, [(1,), (0,), (1,)])
        assert blas_threads() == before


@pytest.mark.parametrize("bad", [0, 1, 5])
def test_an_error_in_any_block_reaches_the_caller_and_the_pool_goes_on_working(bad):
    with pytest.raises(ValueError, match="block 7"):
        run_blocks(lambda n: int(f"block {7}") if n == bad else None, [(n,) for n in range(6)])
    done = []
    run_blocks(lambda n: done.append(n), [(n,) for n in range(6)])
    assert sorted(done) == list(range(6))


def test_callers_take_turns_because_the_number_of_blas_threads_belongs_to_the_process():
    entered, go_on = threading.Semaphore(0), threading.Event()

    def first():
        entered.release()
        assert go_on.wait(30)

    second = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(run_blocks, first, [()])
        assert entered.acquire(timeout=30)
        two = pool.submit(run_blocks, second.set, [()])
        assert not second.wait(timeout=0.3)
        go_on.set()
        assert second.wait(timeout=30)
        one.result(timeout=30), two.result(timeout=30)


def test_scratch_arrays_are_kept_and_cut_to_size():
    own = Scratch()
    large = own.empty("a", (3, 4))
    assert large.dtype == np.float32 and large.shape == (3, 4)
    assert np.shares_memory(own.empty("a", (5,)), large)
    assert not np.shares_memory(own.empty("b", (5,)), large)
    assert own.empty("a", (5, 5)).shape == (5, 5)


def test_every_thread_has_scratch_memory_of_its_own():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(scratch).result() is not scratch()
    assert scratch() is scratch()


def test_an_accumulator_adds_up_what_many_threads_bring(two_threads, rng):
    a, b = rng.standard_normal((9, 4, 3)).astype(np.float32), rng.standard_normal((9, 3, 5)).astype(np.float32)
    both, total = threading.Barrier(2), Accumulator()

    def block(n):
        if n in (0, 8):  # the first and the last are never in one share
            both.wait(timeout=30)
        total.matmul(a[n], b[n])

    run_blocks(block, [(n,) for n in range(9)])
    np.testing.assert_allclose(total.total(), (a @ b).sum(axis=0), rtol=1e-5, atol=1e-5)


def test_the_number_of_threads_is_the_same_inside_a_block_and_while_another_caller_works(two_threads):
    inside = []
    with ThreadPoolExecutor(1) as pool:
        def block():
            inside.append(thread_count())
            outside.append(pool.submit(thread_count))  # has to wait for its turn

        outside = []
        run_blocks(block, [()])
        assert inside == [2] and outside[0].result(timeout=30) == 2


def test_sums_are_the_same_to_the_bit_whichever_core_is_faster(two_threads, rng):
    a, b = rng.standard_normal((9, 4, 300)).astype(np.float32), rng.standard_normal((9, 300, 5)).astype(np.float32)

    def total(slow):
        accumulator = Accumulator()

        def block(n):
            time.sleep(0.01 if n in slow else 0)
            accumulator.matmul(a[n], b[n])

        run_blocks(block, [(n,) for n in range(9)])
        return accumulator.total()

    np.testing.assert_array_equal(total({0, 1}), total({7, 8}))
