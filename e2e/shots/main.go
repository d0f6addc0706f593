// Shots takes pictures of pages: on a wide screen, in the dark, on a phone and on
// paper. It takes the files it is given, or the pages that the tests look at.
//
//	go -C e2e run ./shots -out DIR [FILE.html ...]
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/commandsec/commandsec-go/e2e/browser"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/specimen"
)

func main() {
	out := flag.String("out", "", "folder for the pictures")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func run(out string, files []string) error {
	if out == "" {
		return fmt.Errorf("name the folder for the pictures with -out")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if len(files) == 0 {
		for name, r := range map[string]*report.Report{
			"review": specimen.Review(), "comparison": specimen.Comparison(), "hostile": specimen.Hostile(),
		} {
			file := filepath.Join(out, name+".html")
			if err := write(file, r); err != nil {
				return err
			}
			files = append(files, file)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	ctx, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, file := range files {
		if err := shoot(ctx, file, filepath.Join(out, strings.TrimSuffix(filepath.Base(file), ".html"))); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func write(path string, r *report.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.WriteHTML(f); err != nil {
		return err
	}
	return f.Close()
}

// shoot takes the pictures of one page. Their names start with name.
func shoot(ctx context.Context, file, name string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
	for _, look := range []struct {
		name  string
		width int64
		dark  bool
		first int64 // pixels from the top; 0 is all of the page
	}{{"desktop", 1280, false, 0}, {"first-screen", 1280, false, 800}, {"dark", 1280, true, 0}, {"phone", 360, false, 0}} {
		scheme := "light"
		if look.dark {
			scheme = "dark"
		}
		var picture []byte
		height := look.first
		if height == 0 {
			height = 900
		}
		take := chromedp.FullScreenshot(&picture, 100)
		if look.first > 0 {
			take = chromedp.CaptureScreenshot(&picture)
		}
		if err := chromedp.Run(ctx,
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
			chromedp.EmulateViewport(look.width, height), chromedp.Navigate(address), take,
		); err != nil {
			return err
		}
		if err := os.WriteFile(name+"-"+look.name+".png", picture, 0o644); err != nil {
			return err
		}
	}
	var paper []byte
	if err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		paper, _, err = page.PrintToPDF().WithPreferCSSPageSize(true).WithPaperWidth(8.27).WithPaperHeight(11.69).WithPrintBackground(true).Do(ctx)
		return err
	})); err != nil {
		return err
	}
	return os.WriteFile(name+".pdf", paper, 0o644)
}
