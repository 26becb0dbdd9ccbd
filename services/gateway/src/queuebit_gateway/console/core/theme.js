// A classic script in the head: the chosen theme is on the page before its first paint.
{
  const chosen = localStorage.getItem("qb-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}
