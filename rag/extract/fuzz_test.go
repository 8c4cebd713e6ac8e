package extract

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"
)

// fuzz feeds files called name to the readers. They may refuse, but not panic,
// hang, or hand out a block that breaks the contract of Block.
func fuzz(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		o := Options{MaxBytes: 1 << 20}.withDefaults()
		var total int64
		_, err := walk(ctx, fstest.MapFS{name: {Data: data}}, name, o, func(b Block) error {
			total += int64(len(b.Text))
			switch {
			case b.Text == "" || !utf8.ValidString(b.Text) || b.Role != Code && Clean(b.Text) != b.Text:
				t.Errorf("unclean text %q", b.Text)
			case !b.Role.Valid() || (b.Role == Heading) != (b.Level != 0) || b.Level < 0 || b.Level > 6:
				t.Errorf("role %q, level %d", b.Role, b.Level)
			case b.Start < 0 || b.End < b.Start || b.End > int64(len(data)):
				t.Errorf("place [%d,%d) of %d", b.Start, b.End, len(data))
			}
			return nil
		})
		if total > o.MaxBytes {
			t.Errorf("%d bytes of text", total)
		}
		if ctx.Err() != nil {
			t.Errorf("too slow: %v", err)
		}
	})
}

func FuzzText(f *testing.F) {
	fuzz(f, "a.txt", plainBooklet, "\xff\xfea\x00", "\xfe\xff\x00a", "- a\n- b\n", "\xe9t\xe9", "=\n=\n", "A\n---\n")
}

func FuzzMarkdown(f *testing.F) {
	fuzz(f, "a.md", bookletMarkdown(), "+++\ntitle = 'a'\n+++\nx", "> - 1. a\n```\nx", "<div>\n<b hidden>\n", "[a]: b\n\n[a] ![c](d) `e` &amp; \\*", "\xe9\n|a|b|\n|-|-|\n|c|")
}

func FuzzHTML(f *testing.F) {
	fuzz(f, "a.html", bookletHTML(), "<table><tr><td><table><tr><td>a</table>b<td>c", "<?xml version='1.0'?><html><title/><p/>a<![CDATA[b]]>", "<p hidden>a<p>b</span></td></tr>", "<pre>a\n</pre><xmp><p></xmp><plaintext>x", "<main>a</main>b<br/>c</br>", "<meta charset=utf-16>a\xff")
}

func FuzzCSV(f *testing.F) {
	fuzz(f, "a.csv", "a;b\n1;\"2;\n3\"\n", "sep=;\na;b\n", "\xef\xbb\xbfa,b\r\n\"c\"d,e\r\n", "a\tb\n\n\"", "a|b\n")
}

func FuzzJSONL(f *testing.F) {
	fuzz(f, "a.jsonl", `{"title":"a","text":"b","x":{"y":[1,"z",null,true]}}`+"\n[1,2]\n\"c\"\n3\n", "{}\n{", strings.Repeat("[", 50), `{"a":1}{"b":2}`)
}

func FuzzOffice(f *testing.F) {
	for i, s := range []string{bookletDOCX(f), bookletODT(f), bookletEPUB(f)} {
		f.Add([]byte(s), byte(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		name := []string{"a.docx", "a.odt", "a.epub"}[kind%3]
		o := Options{MaxBytes: 1 << 20}.withDefaults()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		walk(ctx, fstest.MapFS{name: {Data: data}}, name, o, func(b Block) error {
			if b.Text == "" || !b.Role.Valid() || b.Start != 0 || b.End != 0 {
				t.Errorf("%+v", b)
			}
			return nil
		})
		if ctx.Err() != nil {
			t.Error("too slow")
		}
	})
}

// FuzzXML goes past the zip, whose checksums stop most mutations.
func FuzzXML(f *testing.F) {
	f.Add(docxHead+`<w:p><w:pPr><w:pStyle w:val="Titre1"/><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>a</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl></w:body></w:document>`, true)
	f.Add(`<x><text:h outline-level="2">a<text:note><text:note-body><text:p>b</text:p></text:note-body></text:note></text:h><text:list><text:list-item><text:p>c</text:p></text:list-item></text:list><table:table-row><table:table-cell><text:p>d</text:p></table:table-cell></table:table-row></x>`, false)
	f.Fuzz(func(t *testing.T, data string, word bool) {
		name, member := "a.odt", "content.xml"
		if word {
			name, member = "a.docx", "word/document.xml"
		}
		o := Options{MaxBytes: 1 << 20}.withDefaults()
		walk(context.Background(), fstest.MapFS{name: {Data: []byte(zipped(t, entry{member, data}))}}, name, o, func(b Block) error {
			if b.Text == "" || !b.Role.Valid() || !utf8.ValidString(b.Text) {
				t.Errorf("%+v", b)
			}
			return nil
		})
	})
}

// FuzzFrames reads what a hijacked PDF child could say.
func FuzzFrames(f *testing.F) {
	f.Add(`{"title":"a","pages":2}` + "\n" + `{"blocks":[{"role":"heading","level":9,"text":"b","page":1}]}` + "\n" + `{"done":true}`)
	f.Add(`{"pages":1,"failure":"encrypted","detail":"x","warning":"y"}`)
	f.Fuzz(func(t *testing.T, said string) {
		var d Document
		out := &output{left: 1 << 20, alive: func() error { return nil }, yield: func(b Block) error {
			if b.Text == "" || !b.Role.Valid() || b.Page < 1 || b.Page > d.Pages || b.Level > 6 {
				t.Errorf("%+v of %d pages", b, d.Pages)
			}
			return nil
		}}
		readFrames(strings.NewReader(said), &d, out)
	})
}

func FuzzClean(f *testing.F) {
	f.Add("e\u0301 \u202e\u200d\U000e0041\xff\r\n\t\ufb01")
	f.Fuzz(func(t *testing.T, s string) {
		once := Clean(s)
		if twice := Clean(once); twice != once {
			t.Errorf("Clean(%+q) = %+q, then %+q", s, once, twice)
		}
		if code := cleanCode(s); cleanCode(code) != code {
			t.Errorf("cleanCode(%+q) = %+q, then %+q", s, code, cleanCode(code))
		}
	})
}
