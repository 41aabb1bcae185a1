"""The playground: two tiny networks learn a distribution of points in the plane while one watches.

`game`, `view`, `worker` and `starter` run in processes of their own, with torch. The rest does without it: what the app
needs to know, and to start those processes (`players`).
"""
