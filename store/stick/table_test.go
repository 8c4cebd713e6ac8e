package stick

import "testing"

func TestABlockIsFoundInTheFirstPackThatHasIt(t *testing.T) {
	src := newSource()
	first, second, third := src.file(t, 1, 50, 10), src.file(t, 2, 70, 10), src.file(t, 3, 9, 10)
	draw := func(items ...item) *index {
		var d draft
		for _, it := range items {
			for _, r := range it.refs {
				d.add(it.root, r)
			}
		}
		x, err := parseIndex(append(header(d.roots), d.body...))
		try(t, err)
		return x
	}
	tab := newTable(0)
	tab.append(0, draw(first))
	tab.append(1, draw(second))
	tab.sort()
	tab.add(2, draw(first, third))
	where := func(c item, pack int) {
		t.Helper()
		for _, r := range c.refs {
			if at, ok := tab.find(r.Cid); ok != (pack >= 0) || ok && at.pack() != pack {
				t.Errorf("block %s is in pack %d (%v), not %d", r.Cid, at.pack(), ok, pack)
			}
		}
	}
	where(first, 0)
	where(second, 1)
	where(third, 2)
	tab.renumber(map[int]int{1: 0, 2: 1})
	where(first, 1)
	where(second, 0)
	where(third, 1)
	where(src.file(t, 4, 9, 10), -1)
}
