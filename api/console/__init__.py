"""The console: pages for people, rendered on the server, in Chinese and English.

Pages call the same verbs as the JSON routes, under the same scope. Every asset is served from
here: ours from `assets/`, libraries (htmx, uPlot) from `assets/vendor/`, which set-up fills from
the npm lock file by the list in `vendor.json`.
"""
