-- wrk's script: what it sends, and one line of JSON at the end.
-- Arguments: method, path, body, token, where the numbers begin, file of ids.
local method, path, body, number
local ids = {}

function init(args)
   local token, file
   method, path, body, token, number, file = unpack(args)
   number = tonumber(number)
   wrk.method = method
   wrk.headers["Authorization"] = "Bearer " .. token
   if body ~= "" then
      wrk.headers["Content-Type"] = "application/json"
   end
   for id in io.lines(file) do
      ids[#ids + 1] = id
   end
end

function request()
   number = number + 1
   local id = ids[number % #ids + 1]
   local to = path:gsub("{id}", id)
   if body == "" then
      return wrk.format(nil, to)
   end
   local with = body:gsub("{n}", string.format("%d", number))
   return wrk.format(nil, to, nil, with)
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout
   ))
end
