package extract

import (
	"os"
	"strings"
	"testing"
)

func benchmark(b *testing.B, name, data string, o Options) {
	b.SetBytes(int64(len(data)))
	pages := 0
	for b.Loop() {
		pages += extracted(b, name, data, o).Pages
	}
	if pages > 0 {
		b.ReportMetric(float64(pages)/b.Elapsed().Seconds(), "pages/s")
	}
}

func BenchmarkText(b *testing.B) {
	benchmark(b, "a.txt", strings.Repeat(plainBooklet, 2000), Options{})
}
func BenchmarkMarkdown(b *testing.B) {
	_, body, _ := strings.Cut(bookletMarkdown(), "---\n\n")
	benchmark(b, "a.md", strings.Repeat(body, 1000), Options{})
}
func BenchmarkHTML(b *testing.B) {
	benchmark(b, "a.html", strings.Repeat(bookletHTML(), 1000), Options{})
}

func BenchmarkPDFStart(b *testing.B) { benchmark(b, "a.pdf", leaflet(b), withPDF(b)) }

// BenchmarkPDF reads SAVOIRS_BENCH_PDF, or 200 pages of 45 lines.
func BenchmarkPDF(b *testing.B) {
	if name := os.Getenv("SAVOIRS_BENCH_PDF"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		benchmark(b, "a.pdf", string(data), withPDF(b))
		return
	}
	text := make([]string, 45)
	for i := range text {
		text[i] = "À l'ombre du manguier, l'aïeule répète : « Plante avant la lune, récolte après. » C'est là"
	}
	pages := make([][]mark, 200)
	for i := range pages {
		pages[i] = typed(72, 760, text...)
	}
	benchmark(b, "a.pdf", makePDF(b, "", pages...), withPDF(b))
}
