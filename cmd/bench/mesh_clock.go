package main

import (
	"container/heap"
	"iter"
	"time"
)

// clock is virtual time: it jumps from one event to the next. One thing happens
// at a time, in an order that depends on nothing but what was asked for.
type clock struct {
	now    time.Duration
	events events
	count  int
}

type event struct {
	at    time.Duration
	order int // among those of one moment
	do    func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = event{} // do may hold much
	*e = (*e)[:len(*e)-1]
	return last
}

// after has do called d from now.
func (c *clock) after(d time.Duration, do func()) {
	c.count++
	heap.Push(&c.events, event{c.now + max(d, 0), c.count, do})
}

// run lets time pass until then, or as long as anything happens if until is 0.
func (c *clock) run(until time.Duration) {
	for len(c.events) > 0 && (until == 0 || c.events[0].at <= until) {
		e := heap.Pop(&c.events).(event)
		c.now = e.at
		e.do()
	}
	c.now = max(c.now, until)
}

// time is now as the code of nodes knows it.
func (c *clock) time() time.Time { return time.Unix(0, 0).Add(c.now) }

// task is work that waits on the way, such as an exchange for its answers.
type task struct {
	clock  *clock
	resume func() (struct{}, bool)
	pause  func(struct{}) bool
}

// start runs do until it waits, or ends.
func (c *clock) start(do func(*task)) {
	t := &task{clock: c}
	t.resume, _ = iter.Pull(func(yield func(struct{}) bool) {
		t.pause = yield
		do(t)
	})
	t.resume()
}

// bell wakes tasks.
type bell []func()

func (s *bell) ring() {
	for _, wake := range *s {
		wake()
	}
	*s = nil
}

// wait returns when one of the bells has rung or d has passed.
func (t *task) wait(d time.Duration, bells ...*bell) {
	woken := false
	wake := func() {
		if !woken {
			woken = true
			t.clock.after(0, func() { t.resume() })
		}
	}
	for _, s := range bells {
		*s = append(*s, wake)
	}
	t.clock.after(d, wake)
	t.pause(struct{}{})
}
